// The next step is copied into a second pair of tiles while the tensor cores work on the first.
#include "bench/ladder/gpu/conv2d.h"
#include "bench/ladder/gpu/warp_product.cuh"

namespace ink::ladder {
namespace {

__global__ void asynchronous_copies_kernel(Real* y, Matrices m) {
  __shared__ Step a[2], b[2];
  const int first_pixel = static_cast<int>(blockIdx.x) * kTile;
  const int first_o = static_cast<int>(blockIdx.y) * kTile;
  const auto copy = [&](Real& to, const Real* from) {
    cuda::copy_async<sizeof(Real)>(&to, from == nullptr ? m.x : from, from != nullptr);
  };
  const auto start = [&](int k, int stage) {
    for (int i = static_cast<int>(threadIdx.x); i < kTile * kDepth; i += kThreads) {
      const int row = i / kDepth, column = i % kDepth;
      copy(a[stage][row][column], m.left(first_pixel + row, k + column));
      copy(b[stage][row][column], m.right(k + column, first_o + row));
    }
    cuda::copy_async_commit();
  };

  WarpProduct product;
  start(0, 0);
  for (int k = 0, stage = 0; k < m.depth; k += kDepth, stage = 1 - stage) {
    // The step has arrived for all threads, and all are done with the one before it.
    cuda::copy_async_wait<0>();
    __syncthreads();
    if (k + kDepth < m.depth) start(k + kDepth, 1 - stage);
    product.add(a[stage], b[stage]);
  }
  product.store(y, first_pixel, first_o, m);
}

}  // namespace

void asynchronous_copies(Real* y, const Real* x, const Real* weight, const Conv2dSizes& s) {
  const Matrices m(x, weight, s);
  cuda::launch(asynchronous_copies_kernel,
               {{tiles(m.pixels, kTile), tiles(m.c_out, kTile)}, kThreads}, y, m);
}

}  // namespace ink::ladder
