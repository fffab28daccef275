// A block loads a square of each matrix once for all of its 256 threads. (GPU.1)
#include "bench/ladder/gpu/conv2d.h"
#include "bench/ladder/gpu/window.cuh"

namespace ink::ladder {
namespace {

constexpr int kTile = 16;

__global__ void shared_tile_kernel(Real* y, Matrices m) {
  // One column more than needed: then the rows of a column lie in different banks.
  __shared__ Real a[kTile][kTile + 1], b[kTile][kTile + 1];
  const int row = static_cast<int>(threadIdx.y), column = static_cast<int>(threadIdx.x);
  const int pixel = static_cast<int>(blockIdx.x) * kTile + row;
  const int first_o = static_cast<int>(blockIdx.y) * kTile;
  Real sum = 0;
  for (int k = 0; k < m.depth; k += kTile) {
    a[row][column] = value(m.left(pixel, k + column));
    b[row][column] = value(m.right(k + column, first_o + row));
    __syncthreads();
    for (int i = 0; i < kTile; ++i) sum += a[row][i] * b[column][i];
    __syncthreads();
  }
  if (pixel < m.pixels && first_o + column < m.c_out)
    y[Index(pixel) * m.c_out + first_o + column] = sum;
}

}  // namespace

void shared_tile(Real* y, const Real* x, const Real* weight, const Conv2dSizes& s) {
  const Matrices m(x, weight, s);
  cuda::launch(shared_tile_kernel,
               {{tiles(m.pixels, kTile), tiles(m.c_out, kTile)}, {kTile, kTile}}, y, m);
}

}  // namespace ink::ladder
