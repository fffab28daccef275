// A 3 x 3 convolution of an image upsampled to twice its size, which is never made where the
// convolution can do without.
#pragma once

#include "tensor/kernels/conv2d.h"
#include "tensor/kernels/upsample.h"

namespace ink {

// x (n, h, w, c_in), weight (c_out, 3, 3, c_in), y (n, 2 h, 2 w, c_out).
struct UpsampleConv2dSizes {
  Index n;
  Index h;
  Index w;
  Index c_in;
  Index c_out;

  UpsampleSizes upsampling() const { return {n, h, w, c_in, 2}; }
  // Of the upsampled image.
  Conv2dSizes convolution() const { return {n, 2 * h, 2 * w, c_in, c_out, 3, 3, 1, 1}; }
};

namespace cpu {
// y = conv2d(upsample(x), weight) + bias with a padding of 1 (CONV.1) (CONV.5); bias (c_out) may be
// null.
void upsample_conv2d_forward(Real* y, const Real* x, const Weight& weight, const Real* bias,
                             const UpsampleConv2dSizes& sizes);
// dx: the transpose of the map x -> y, applied to dy. (CONV.3) (CONV.6)
void upsample_conv2d_backward_data(Real* dx, const Real* dy, const Real* weight,
                                   const UpsampleConv2dSizes& sizes);
// dweight and, unless null, dbias (c_out). (CONV.2) (CONV.8)
void upsample_conv2d_backward_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                                     const UpsampleConv2dSizes& sizes);
}  // namespace cpu
namespace cuda {
void upsample_conv2d_forward(Real* y, const Real* x, const Weight& weight, const Real* bias,
                             const UpsampleConv2dSizes& sizes);
void upsample_conv2d_backward_data(Real* dx, const Real* dy, const Real* weight,
                                   const UpsampleConv2dSizes& sizes);
void upsample_conv2d_backward_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                                     const UpsampleConv2dSizes& sizes);
}  // namespace cuda

}  // namespace ink
