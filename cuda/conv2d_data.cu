// The gradient of a convolution's input.
#include <algorithm>

#include "cuda/scratch.h"
#include "cuda/window.h"
#include "tensor/kernels/conv2d.h"
#include "tensor/kernels/copy.h"
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
  MatrixView weight;  // (c_in, taps and c_out)
  OutputPixels dx;

  __device__ auto product(int) const {
    return Product<Operand<WindowView, Along::k, kWidth>, Operand<MatrixView, Along::k, kWidth>,
                   OutputPixels>{{dy}, {weight}, dx, dy.lines, weight.lines, 0, dy.columns};
  }
};

// to (c_in, down.count, across.count, c_out): the weights of these taps, c_out innermost, as k
// goes.
void transpose_taps(Real* to, const Real* weight, const Taps& down, const Taps& across,
                    const Conv2dSizes& s) {
  const Index row = s.kernel_w * s.c_in;
  copy(to, weight + down.first * row + across.first * s.c_in,
       {4,
        {s.c_in, down.count, across.count, s.c_out},
        {down.count * across.count * s.c_out, across.count * s.c_out, s.c_out, 1},
        {1, s.stride * row, s.stride * s.c_in, s.kernel_h * row}});
}

// The pixels (r + i stride, q + j stride) of dx.
template <int kWidth>
void backward_data(Real* dx, const Real* dy, const Real* weight, const Conv2dSizes& s, Index r,
                   Index q) {
  const Taps down = taps_of(r, s.kernel_h, s), across = taps_of(q, s.kernel_w, s);
  const Index grid_h = divide_up(s.h - r, s.stride), grid_w = divide_up(s.w - q, s.stride);
  const Index pixels = s.n * grid_h * grid_w, k = down.count * across.count * s.c_out;
  if (pixels == 0) return;
  const Scratch<Real> taps(k * s.c_in);
  transpose_taps(taps.data(), weight, down, across, s);

  const Divisor grid_pixels(grid_h * grid_w), pixels_w(grid_w);
  const WindowView window{.data = dy,
                          .h = narrow(s.out_h()),
                          .w = narrow(s.out_w()),
                          .channels = narrow(s.c_out),
                          .image = narrow(s.out_h() * s.out_w() * s.c_out),
                          .lines = narrow(pixels),
                          .grid_pixels = grid_pixels,
                          .grid_w = pixels_w,
                          .step = 1,
                          .origin_h = narrow(down.origin),
                          .origin_w = narrow(across.origin),
                          .columns = narrow(k),
                          .tap_channels = Divisor(s.c_out),
                          .taps_w = Divisor(std::max<Index>(across.count, 1)),
                          .turn = -1};
  const MatrixView matrix{taps.data(), narrow(s.c_in), narrow(k), narrow(k)};
  const OutputPixels to{.data = dx + (r * s.w + q) * s.c_in,
                        .n = narrow(s.c_in),
                        .aligned = s.c_in % 4 == 0 && aligned(dx),
                        .h = narrow(s.h),
                        .w = narrow(s.w),
                        .step = narrow(s.stride),
                        .grid_pixels = grid_pixels,
                        .grid_w = pixels_w};
  multiply(BackwardDataProduct<kWidth>{window, matrix, to}, pixels, s.c_in, 1);
}

}  // namespace

// dx[n, r, q, c] = sum over the taps (u, v) and pixels (i, j) with i s + u - p = r, j s + v - p =
// q. (CONV.3)
void conv2d_backward_data(Real* dx, const Real* dy, const Real* weight, const Conv2dSizes& s) {
  if (is_matrix_product(s)) {
    gemm(dx, dy, weight, {}, {.m = s.n * s.h * s.w, .n = s.c_in, .k = s.c_out});
    return;
  }
  const bool vectors = s.c_out % 4 == 0 && aligned(dy);
  for (Index r = 0; r < std::min(s.stride, s.h); ++r)
    for (Index q = 0; q < std::min(s.stride, s.w); ++q)
      (vectors ? backward_data<4> : backward_data<1>)(dx, dy, weight, s, r, q);
}

}  // namespace ink::cuda
