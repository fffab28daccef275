// A convolution and its gradient with respect to the image, both as maps that a kernel can run.
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
  PackedWeights* packed = nullptr;  // where to keep what is made of them, or null
};

// y[n, i, j, o] = sum_{u, v, c} x[n, i s + u - pad_top, j s + v - pad_left, c] weight[o, u, v, c] +
// epilogue. The residual is laid out as y.
struct Conv2dMap {
  DirectConv conv;
  WeightView weight;
};

Conv2dMap forward_map(const Weight& weight, const Conv2dSizes& sizes);

// From dy to the pixels (r + i s, q + j s) of dx, for r, q < s: they meet only every s-th tap of
// the kernel, in reverse order, so that they are a convolution of dy with stride 1. (CONV.4)
Conv2dMap backward_map(const Real* weight, const Conv2dSizes& sizes, Index r, Index q);

}  // namespace ink::cpu
