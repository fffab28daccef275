// The products on tensor cores, the window as a matrix that is nowhere stored.
#include "bench/ladder/gpu/conv2d.h"
#include "bench/ladder/gpu/warp_product.cuh"

namespace ink::ladder {
namespace {

__global__ void tensor_cores_kernel(Real* y, Matrices m) {
  __shared__ Step a, b;
  const int first_pixel = static_cast<int>(blockIdx.x) * kTile;
  const int first_o = static_cast<int>(blockIdx.y) * kTile;
  WarpProduct product;
  for (int k = 0; k < m.depth; k += kDepth) {
    for (int i = static_cast<int>(threadIdx.x); i < kTile * kDepth; i += kThreads) {
      const int row = i / kDepth, column = i % kDepth;
      a[row][column] = value(m.left(first_pixel + row, k + column));
      b[row][column] = value(m.right(k + column, first_o + row));
    }
    __syncthreads();
    product.add(a, b);
    __syncthreads();
  }
  product.store(y, first_pixel, first_o, m);
}

}  // namespace

void tensor_cores(Real* y, const Real* x, const Real* weight, const Conv2dSizes& s) {
  const Matrices m(x, weight, s);
  cuda::launch(tensor_cores_kernel, {{tiles(m.pixels, kTile), tiles(m.c_out, kTile)}, kThreads}, y,
               m);
}

}  // namespace ink::ladder
