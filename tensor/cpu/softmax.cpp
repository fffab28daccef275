#include "tensor/kernels/softmax.h"

#include <algorithm>
#include <limits>

#include "tensor/cpu/parallel.h"
#include "tensor/cpu/simd.h"
#include "tensor/kernels/math.h"

namespace ink::cpu {

namespace {

// Rows per task.
Index rows_per_block(const SoftmaxSizes& sizes) {
  return std::max<Index>(1, 4096 / std::max<Index>(1, sizes.columns));
}

// The largest element, NaN passed over.
Real row_maximum(const Real* x, Index columns) {
  constexpr Real kLowest = -std::numeric_limits<Real>::infinity();
  Vector lanes = splat(kLowest);
  Index c = 0;
  for (; c + kLanes <= columns; c += kLanes) lanes = maximum(load(x + c), lanes);
  Real largest = kLowest;
  for (; c < columns; ++c) largest = x[c] > largest ? x[c] : largest;
  return std::max(largest, maximum(lanes));
}

// A row with a NaN, a +inf or nothing but -inf becomes NaN: the difference to the largest is NaN
// there.
void softmax_row(Real* y, const Real* x, Index columns) {
  const Real largest = row_maximum(x, columns);
  Real sum = 0;
#pragma omp simd reduction(+ : sum)
  for (Index c = 0; c < columns; ++c) {
    const Real e = exponential(x[c] - largest);
    y[c] = e;
    sum += e;
  }
  const Real scale = 1 / sum;
#pragma omp simd
  for (Index c = 0; c < columns; ++c) y[c] *= scale;
}

}  // namespace

void softmax_forward(Real* y, const Real* x, const SoftmaxSizes& sizes) {
  const Index columns = sizes.columns;
  parallel_blocks(sizes.rows, rows_per_block(sizes), [=](Index first, Index last) {
    for (Index r = first; r < last; ++r) softmax_row(y + r * columns, x + r * columns, columns);
  });
}

void softmax_backward(Real* dx, const Real* dy, const Real* y, const SoftmaxSizes& sizes) {
  const Index columns = sizes.columns;
  parallel_blocks(sizes.rows, rows_per_block(sizes), [=](Index first, Index last) {
    for (Index r = first; r < last; ++r) {
      const Index row = r * columns;
      Real dot = 0;  // <dy, y>
#pragma omp simd reduction(+ : dot)
      for (Index c = 0; c < columns; ++c) dot += dy[row + c] * y[row + c];
#pragma omp simd
      for (Index c = 0; c < columns; ++c)
        dx[row + c] = y[row + c] * (dy[row + c] - dot);  // (ACT.6)
    }
  });
}

}  // namespace ink::cpu
