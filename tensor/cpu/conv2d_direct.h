// Direct convolution: a matrix product whose left operand is read through a window of the image.
#pragma once

#include "tensor/kernels/conv2d.h"

namespace ink::cpu {

// More general than Conv2dSizes, so that the backward pass fits too: paddings that differ and may
// be negative, results that lie apart in memory, and kernels of size 0 (then y is the epilogue
// alone).
struct DirectConv {
  Index n;
  Index h, w, c_in;            // an image of x
  Index rows, columns, c_out;  // an image of y
  Index kernel_h, kernel_w;
  Index stride;
  Index pad_top, pad_left;
  Index y_image, y_row, y_pixel;  // from one image, row and pixel of y to the next, in elements
};

// The weight of output o, tap (u, v), input c is data[o * output + u * row + v * column + c *
// input].
struct WeightView {
  const Real* data;
  Index output, row, column, input;
};

// Lays the weights out as (block of channels, kernel_h, kernel_w, c_in, width of the block), for
// padded_columns(c_out) channels.
void pack_weight(Real* packed, const WeightView& weight, const DirectConv& conv);

// y[n, i, j, o] = sum_{u, v, c} x[n, i s + u - pad_top, j s + v - pad_left, c] weight[o, u, v, c] +
// epilogue. The residual is laid out as y.
void convolve_direct(Real* y, const Real* x, const WeightView& weight,
                     const Conv2dEpilogue& epilogue, const DirectConv& conv);

}  // namespace ink::cpu
