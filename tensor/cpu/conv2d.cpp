#include "tensor/kernels/conv2d.h"

#include <algorithm>

#include "tensor/cpu/conv2d_weight.h"
#include "tensor/cpu/conv2d_winograd.h"
#include "tensor/kernels/gemm.h"

namespace ink::cpu {
namespace {

// A 1x1 convolution of every pixel is a matrix product over the pixels.
bool is_matrix_product(const Conv2dSizes& sizes) {
  return sizes.kernel_h == 1 && sizes.kernel_w == 1 && sizes.stride == 1 && sizes.padding == 0;
}

DirectConv forward_map(const Conv2dSizes& s) {
  const Index rows = s.out_h(), columns = s.out_w();
  return {s.n,
          s.h,
          s.w,
          s.c_in,
          rows,
          columns,
          s.c_out,
          s.kernel_h,
          s.kernel_w,
          s.stride,
          s.padding,
          s.padding,
          rows * columns * s.c_out,
          columns * s.c_out,
          s.c_out};
}

void convolve(Real* y, const Real* x, const WeightView& weight, const Conv2dEpilogue& epilogue,
              const DirectConv& conv) {
  (suits_winograd(conv) ? convolve_winograd : convolve_direct)(y, x, weight, epilogue, conv);
}

// The positions r, r + s, r + 2s, ... of dx along one axis meet only every s-th tap of the kernel,
// in reverse order: each such class is a convolution of dy with stride 1. (CONV.4)
struct GradientClass {
  Index count;     // of positions
  Index taps;      // that they meet
  Index last_tap;  // of them, which comes first in the convolution
  Index padding;   // before dy
};

GradientClass gradient_class(Index r, Index size, Index kernel, const Conv2dSizes& sizes) {
  const Index s = sizes.stride;
  const Index first_tap = (r + sizes.padding) % s;
  const Index taps = std::max<Index>(0, (kernel - first_tap + s - 1) / s);
  const Index last_tap = taps == 0 ? 0 : first_tap + (taps - 1) * s;
  return {(size - r + s - 1) / s, taps, last_tap, taps - 1 - (r + sizes.padding) / s};
}

}  // namespace

void conv2d_forward(Real* y, const Real* x, const Real* weight, const Conv2dEpilogue& epilogue,
                    const Conv2dSizes& s) {
  if (is_matrix_product(s) && epilogue.image_bias == nullptr) {
    gemm(y, x, weight, {epilogue.bias, epilogue.residual},
         {.m = s.n * s.h * s.w, .n = s.c_out, .k = s.c_in, .transpose_b = true});
    return;
  }
  const WeightView taps{weight, s.kernel_h * s.kernel_w * s.c_in, s.kernel_w * s.c_in, s.c_in, 1};
  convolve(y, x, taps, epilogue, forward_map(s));
}

// dx[n, r, q, c] = sum over the taps (u, v) and pixels (i, j) with i s + u - p = r, j s + v - p =
// q. (CONV.3)
void conv2d_backward_data(Real* dx, const Real* dy, const Real* weight, const Conv2dSizes& s) {
  if (is_matrix_product(s)) {
    gemm(dx, dy, weight, {}, {.m = s.n * s.h * s.w, .n = s.c_in, .k = s.c_out});
    return;
  }
  const Index tap_row = s.kernel_w * s.c_in, filter = s.kernel_h * tap_row;
  for (Index r = 0; r < std::min(s.stride, s.h); ++r) {
    for (Index q = 0; q < std::min(s.stride, s.w); ++q) {
      const GradientClass row = gradient_class(r, s.h, s.kernel_h, s);
      const GradientClass column = gradient_class(q, s.w, s.kernel_w, s);
      const WeightView flipped{weight + row.last_tap * tap_row + column.last_tap * s.c_in, 1,
                               -s.stride * tap_row, -s.stride * s.c_in, filter};
      convolve(dx + (r * s.w + q) * s.c_in, dy, flipped, {},
               {s.n, s.out_h(), s.out_w(), s.c_out, row.count, column.count, s.c_in, row.taps,
                column.taps, 1, row.padding, column.padding, s.h * s.w * s.c_in,
                s.stride * s.w * s.c_in, s.stride * s.c_in});
    }
  }
}

void conv2d_backward_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                            const Conv2dSizes& s) {
  const DirectConv map = forward_map(s);
  if (suits_winograd_weight(map))
    conv2d_winograd_weight(dweight, dbias, x, dy, map);
  else
    conv2d_direct_weight(dweight, dbias, x, dy, s);
}

}  // namespace ink::cpu
