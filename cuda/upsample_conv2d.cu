// The upsampled image is made in scratch memory, where the convolution reads each pixel nine times.
#include "tensor/kernels/upsample_conv2d.h"

#include "cuda/scratch.h"
#include "tensor/kernels/conv2d.h"
#include "tensor/kernels/upsample.h"

namespace ink::cuda {

void upsample_conv2d_forward(Real* y, const Real* x, const Weight& weight, const Real* bias,
                             const UpsampleConv2dSizes& s) {
  const Scratch<Real> upsampled(s.upsampling().y_count());
  upsample_forward(upsampled.data(), x, s.upsampling());
  conv2d_forward(y, upsampled.data(), weight, {bias, nullptr, nullptr}, s.convolution());
}

void upsample_conv2d_backward_data(Real* dx, const Real* dy, const Real* weight,
                                   const UpsampleConv2dSizes& s) {
  const Scratch<Real> upsampled(s.upsampling().y_count());
  conv2d_backward_data(upsampled.data(), dy, weight, s.convolution());
  upsample_backward(dx, upsampled.data(), s.upsampling());
}

void upsample_conv2d_backward_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                                     const UpsampleConv2dSizes& s) {
  const Scratch<Real> upsampled(s.upsampling().y_count());
  upsample_forward(upsampled.data(), x, s.upsampling());
  conv2d_backward_weight(dweight, dbias, upsampled.data(), dy, s.convolution());
}

}  // namespace ink::cuda
