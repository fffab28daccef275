#include "tensor/kernels/gather.h"

#include <limits>

#include "cuda/loop.cuh"

namespace ink::cuda {

namespace {

// An index outside the table reads NaN: the host cannot look at it first.
template <int Width>
__global__ void gather_rows_kernel(Real* out, const Real* table, const Real* index,
                                   GatherSizes sizes) {
  const Index packs = sizes.width / Width;
  for (const Index position : indices(sizes.count * packs)) {
    const Index i = position / packs, column = position % packs;
    const Real row = index[i];
    Pack<Width> pack;
    if (row >= 0 && row < static_cast<Real>(sizes.rows)) {
      pack = load_pack<Width>(table + static_cast<Index>(row) * sizes.width, column);
    } else {
      for (Real& value : pack.value) value = std::numeric_limits<Real>::quiet_NaN();
    }
    store_pack(out + i * sizes.width, column, pack);
  }
}

// A thread owns an element of the table and adds its terms in the order of i.
__global__ void scatter_add_rows_kernel(Real* dtable, const Real* dout, const Real* index,
                                        GatherSizes sizes) {
  for (const Index position : indices(sizes.rows * sizes.width)) {
    const auto row = static_cast<Real>(position / sizes.width);
    const Index column = position % sizes.width;
    Real sum = 0;
    for (Index i = 0; i < sizes.count; ++i) {
      if (index[i] == row) sum += dout[i * sizes.width + column];
    }
    dtable[position] = sum;
  }
}

}  // namespace

void gather_rows(Real* out, const Real* table, const Real* index, const GatherSizes& sizes) {
  const Index n = sizes.count * sizes.width;
  if (n == 0) return;
  if (sizes.width % kPack == 0 && packs_aligned(out, table)) {
    launch(gather_rows_kernel<kPack>, launch_for(n / kPack), out, table, index, sizes);
  } else {
    launch(gather_rows_kernel<1>, launch_for(n), out, table, index, sizes);
  }
}

void scatter_add_rows(Real* dtable, const Real* dout, const Real* index, const GatherSizes& sizes) {
  const Index n = sizes.rows * sizes.width;
  if (n > 0) launch(scatter_add_rows_kernel, launch_for(n), dtable, dout, index, sizes);
}

}  // namespace ink::cuda
