#include "tensor/cpu/conv2d_map.h"

#include <algorithm>

namespace ink::cpu {

Conv2dMap forward_map(const Weight& weight, const Conv2dSizes& s) {
  const Index rows = s.out_h(), columns = s.out_w();
  const DirectConv conv{.n = s.n,
                        .h = s.h,
                        .w = s.w,
                        .c_in = s.c_in,
                        .rows = rows,
                        .columns = columns,
                        .c_out = s.c_out,
                        .kernel_h = s.kernel_h,
                        .kernel_w = s.kernel_w,
                        .stride = s.stride,
                        .pad_top = s.padding,
                        .pad_left = s.padding,
                        .y_image = rows * columns * s.c_out,
                        .y_row = columns * s.c_out,
                        .y_pixel = s.c_out};
  return {conv,
          {weight.data, s.kernel_h * s.kernel_w * s.c_in, s.kernel_w * s.c_in, s.c_in, 1,
           weight.packed}};
}

namespace {

// One axis of a class of pixels of dx.
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

Conv2dMap backward_map(const Real* weight, const Conv2dSizes& s, Index r, Index q) {
  const GradientClass row = gradient_class(r, s.h, s.kernel_h, s);
  const GradientClass column = gradient_class(q, s.w, s.kernel_w, s);
  const Index tap_row = s.kernel_w * s.c_in, filter = s.kernel_h * tap_row;
  const DirectConv conv{.n = s.n,
                        .h = s.out_h(),
                        .w = s.out_w(),
                        .c_in = s.c_out,
                        .rows = row.count,
                        .columns = column.count,
                        .c_out = s.c_in,
                        .kernel_h = row.taps,
                        .kernel_w = column.taps,
                        .stride = 1,
                        .pad_top = row.padding,
                        .pad_left = column.padding,
                        .y_image = s.h * s.w * s.c_in,
                        .y_row = s.stride * s.w * s.c_in,
                        .y_pixel = s.stride * s.c_in};
  return {conv,
          {weight + row.last_tap * tap_row + column.last_tap * s.c_in, 1, -s.stride * tap_row,
           -s.stride * s.c_in, filter}};
}

}  // namespace ink::cpu
