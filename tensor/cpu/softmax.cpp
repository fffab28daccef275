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

// y = e^(x - largest); returns the sum.
Real row_exponentials(Real* y, const Real* x, Real largest, Index columns) {
  Real sum = 0;
#pragma omp simd reduction(+ : sum)
  for (Index c = 0; c < columns; ++c) {
    const Real e = exponential(x[c] - largest);
    y[c] = e;
    sum += e;
  }
  return sum;
}

// A few rows, one step after the other: within a short row each step would wait for the one before.
// A row with a NaN, a +inf or nothing but -inf becomes NaN: the difference to the largest is NaN
// there.
constexpr Index kMostRows = 16, kFewElements = 2048;
void softmax_rows(Real* y, const Real* x, Index rows, Index columns) {
  Real largest[kMostRows], sum[kMostRows];
  for (Index r = 0; r < rows; ++r) largest[r] = row_maximum(x + r * columns, columns);
  for (Index r = 0; r < rows; ++r)
    sum[r] = row_exponentials(y + r * columns, x + r * columns, largest[r], columns);
  for (Index r = 0; r < rows; ++r) {
    const Real scale = 1 / sum[r];
    Real* row = y + r * columns;
#pragma omp simd
    for (Index c = 0; c < columns; ++c) row[c] *= scale;
  }
}

}  // namespace

void softmax_forward(Real* y, const Real* x, const SoftmaxSizes& sizes) {
  const Index columns = sizes.columns;
  const Index few = std::clamp<Index>(kFewElements / std::max<Index>(1, columns), 1, kMostRows);
  parallel_blocks(sizes.rows, rows_per_block(sizes), [=](Index first, Index last) {
    for (Index r = first; r < last; r += few)
      softmax_rows(y + r * columns, x + r * columns, std::min(few, last - r), columns);
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
