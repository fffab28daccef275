// A thread has 4 x 4 sums: of eight numbers that it loads from shared memory it makes sixteen
// products. (GPU.1)
#include "bench/ladder/gpu/conv2d.h"
#include "bench/ladder/gpu/window.cuh"

namespace ink::ladder {
namespace {

constexpr int kTile = 64, kDepth = 16, kThreads = 256, kSums = 4;

__global__ void register_tile_kernel(Real* y, Matrices m) {
  __shared__ Real a[kDepth][kTile + 1], b[kDepth][kTile + 1];
  const int thread = static_cast<int>(threadIdx.x);
  const int first_pixel = static_cast<int>(blockIdx.x) * kTile;
  const int first_o = static_cast<int>(blockIdx.y) * kTile;
  // Sums (row + 16 i, column + 16 j): neighbouring threads read neighbouring numbers.
  const int row = thread / 16, column = thread % 16;
  Real sum[kSums][kSums] = {};
  for (int k = 0; k < m.depth; k += kDepth) {
    for (int i = thread; i < kTile * kDepth; i += kThreads) {
      a[i % kDepth][i / kDepth] = value(m.left(first_pixel + i / kDepth, k + i % kDepth));
      b[i % kDepth][i / kDepth] = value(m.right(k + i % kDepth, first_o + i / kDepth));
    }
    __syncthreads();
    for (int step = 0; step < kDepth; ++step) {
      Real left[kSums], right[kSums];
      for (int i = 0; i < kSums; ++i) left[i] = a[step][row + 16 * i];
      for (int j = 0; j < kSums; ++j) right[j] = b[step][column + 16 * j];
      for (int i = 0; i < kSums; ++i)
        for (int j = 0; j < kSums; ++j) sum[i][j] += left[i] * right[j];
    }
    __syncthreads();
  }
  for (int i = 0; i < kSums; ++i)
    for (int j = 0; j < kSums; ++j) {
      const int pixel = first_pixel + row + 16 * i, o = first_o + column + 16 * j;
      if (pixel < m.pixels && o < m.c_out) y[Index(pixel) * m.c_out + o] = sum[i][j];
    }
}

}  // namespace

void register_tile(Real* y, const Real* x, const Real* weight, const Conv2dSizes& s) {
  const Matrices m(x, weight, s);
  cuda::launch(register_tile_kernel, {{tiles(m.pixels, kTile), tiles(m.c_out, kTile)}, kThreads}, y,
               m);
}

}  // namespace ink::ladder
