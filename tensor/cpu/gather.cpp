#include "tensor/kernels/gather.h"

#include <algorithm>

#include "tensor/cpu/parallel.h"

namespace ink::cpu {

void gather_rows(Real* out, const Real* table, const Real* index, const GatherSizes& sizes) {
  const Index width = sizes.width;
  const Index block = std::max<Index>(1, 8192 / std::max<Index>(1, width));
  parallel_blocks(sizes.count, block, [=](Index first, Index last) {
    for (Index i = first; i < last; ++i) {
      const Real* row = table + static_cast<Index>(index[i]) * width;
      std::copy(row, row + width, out + i * width);
    }
  });
}

void scatter_add_rows(Real* dtable, const Real* dout, const Real* index, const GatherSizes& sizes) {
  const Index width = sizes.width;
  // A thread owns whole columns: rows that occur twice are then added in the order of i, unlocked.
  parallel_blocks(width, 64, [=, &sizes](Index first, Index last) {
    for (Index r = 0; r < sizes.rows; ++r) {
      std::fill(dtable + r * width + first, dtable + r * width + last, Real(0));
    }
    for (Index i = 0; i < sizes.count; ++i) {
      Real* sum = dtable + static_cast<Index>(index[i]) * width;
      const Real* term = dout + i * width;
#pragma omp simd
      for (Index c = first; c < last; ++c) sum[c] += term[c];
    }
  });
}

}  // namespace ink::cpu
