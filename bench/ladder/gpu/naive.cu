// A thread for each number of y: every product asks memory for both of its factors.
#include "bench/ladder/gpu/conv2d.h"
#include "bench/ladder/gpu/window.cuh"

namespace ink::ladder {
namespace {

__global__ void naive_kernel(Real* y, Matrices m) {
  const int o = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
  const int pixel = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (pixel >= m.pixels || o >= m.c_out) return;
  Real sum = 0;
  for (int k = 0; k < m.depth; ++k) sum += value(m.left(pixel, k)) * *m.right(k, o);
  y[Index(pixel) * m.c_out + o] = sum;
}

}  // namespace

void naive(Real* y, const Real* x, const Real* weight, const Conv2dSizes& s) {
  const Matrices m(x, weight, s);
  cuda::launch(naive_kernel, {{tiles(m.pixels, 32), tiles(m.c_out, 8)}, {32, 8}}, y, m);
}

}  // namespace ink::ladder
