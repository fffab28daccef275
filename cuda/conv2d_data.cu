// The gradient of a convolution's input.
#include <algorithm>

#include "cuda/window.h"
#include "tensor/kernels/conv2d.h"
#include "tensor/kernels/gemm.h"

namespace ink::cuda {
namespace {

// The taps of one axis that reach the inputs r, r + s, r + 2 s, ...: first, first + s, ..., `count`
// of them; the a-th finds input r + i s at output origin + i - a.
struct Taps {
  Index first, count, origin;
};
Taps taps_of(Index r, Index kernel, const Conv2dSizes& s) {
  const Index first = (r + s.padding) % s.stride;
  const Index count = first < kernel ? divide_up(kernel - first, s.stride) : 0;
  return {first, count, (r + s.padding - first) / s.stride};
}

// dx = window of dy times the weights: rows are pixels of x, k counts taps and output channels.
template <int kWidth>
struct BackwardDataProduct {
  static constexpr int kVector = kWidth;

  WindowView dy;
  TapsView weight;
  OutputPixels dx;

  __device__ auto product(int) const {
    return Product<Operand<WindowView, Along::k, kWidth>, Operand<TapsView, Along::rows, kWidth>,
                   OutputPixels>{{dy}, {weight}, dx, dy.lines, weight.c_in, 0, dy.columns};
  }
};

// The pixels (r + i stride, q + j stride) of dx.
template <int kWidth>
void backward_data(Real* dx, const Real* dy, const Real* weight, const Conv2dSizes& s, Index r,
                   Index q) {
  const Taps down = taps_of(r, s.kernel_h, s), across = taps_of(q, s.kernel_w, s);
  const Index grid_h = divide_up(s.h - r, s.stride), grid_w = divide_up(s.w - q, s.stride);
  const Index pixels = s.n * grid_h * grid_w, k = down.count * across.count * s.c_out;
  narrow(s.out_h() * s.out_w() * s.c_out);  // places within an image are counted in 32 bits
  const Divisor grid_pixels(grid_h * grid_w), pixels_w(grid_w), c_out(s.c_out);
  const Divisor taps_w(std::max<Index>(across.count, 1));
  const WindowView window{.data = dy,
                          .h = narrow(s.out_h()),
                          .w = narrow(s.out_w()),
                          .channels = narrow(s.c_out),
                          .lines = narrow(pixels),
                          .grid_pixels = grid_pixels,
                          .grid_w = pixels_w,
                          .step = 1,
                          .origin_h = narrow(down.origin),
                          .origin_w = narrow(across.origin),
                          .columns = narrow(k),
                          .tap_channels = c_out,
                          .taps_w = taps_w,
                          .turn = -1};
  const TapsView taps{.data = weight,
                      .kernel_h = narrow(s.kernel_h),
                      .kernel_w = narrow(s.kernel_w),
                      .c_in = narrow(s.c_in),
                      .stride = narrow(s.stride),
                      .first_u = narrow(down.first),
                      .first_v = narrow(across.first),
                      .lines = narrow(k),
                      .c_out = c_out,
                      .taps_w = taps_w};
  const OutputPixels to{.data = dx + (r * s.w + q) * s.c_in,
                        .n = narrow(s.c_in),
                        .aligned = s.c_in % 4 == 0 && aligned(dx),
                        .h = narrow(s.h),
                        .w = narrow(s.w),
                        .step = narrow(s.stride),
                        .grid_pixels = grid_pixels,
                        .grid_w = pixels_w};
  multiply(BackwardDataProduct<kWidth>{window, taps, to}, pixels, s.c_in, 1);
}

}  // namespace

// dx[n, r, q, c] = sum over the taps (u, v) and pixels (i, j) with i s + u - p = r, j s + v - p =
// q. (CONV.3)
void conv2d_backward_data(Real* dx, const Real* dy, const Real* weight, const Conv2dSizes& s) {
  if (is_matrix_product(s)) {
    gemm(dx, dy, weight, {}, {.m = s.n * s.h * s.w, .n = s.c_in, .k = s.c_out});
    return;
  }
  const bool vectors = s.c_in % 4 == 0 && s.c_out % 4 == 0 && aligned(dy, weight);
  for (Index r = 0; r < std::min(s.stride, s.h); ++r)
    for (Index q = 0; q < std::min(s.stride, s.w); ++q)
      (vectors ? backward_data<4> : backward_data<1>)(dx, dy, weight, s, r, q);
}

}  // namespace ink::cuda
