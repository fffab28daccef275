// A convolution of group_norm(x), the pair of which residual blocks are made. What stands
// between the two is made where it is needed and never kept.
#pragma once

#include "tensor/kernels/conv2d.h"
#include "tensor/kernels/group_norm.h"

namespace ink {

// norm.n = conv.n, norm.pixels = conv.h * conv.w, norm.channels = conv.c_in, of which the last
// skip_channels stand in an array of their own.
struct NormConv2dSizes {
  GroupNormSizes norm;
  Conv2dSizes conv;
  Index skip_channels = 0;
};

// x (n, h, w, c_in - skip_channels), gamma and beta (c_in), weight (c_out, kernel_h, kernel_w,
// c_in), skip (n, h, w, skip_channels): a skip connection, where kReadsSkip.
struct NormConv2dInputs {
  const Real* x;
  const Real* gamma;
  const Real* beta;
  Weight weight;
  const Real* skip = nullptr;
};

// Shaped as what they are gradients of; dbias (c_out) and dimage_bias (n, c_out) are left out when
// null. dx is added to `so_far` (dx itself, another array or null: nothing), dskip to
// `skip_so_far`.
struct NormConv2dGradients {
  Real* dx;
  Real* dgamma;
  Real* dbeta;
  Real* dweight;
  Real* dbias;
  Real* dimage_bias = nullptr;
  const Real* so_far = nullptr;
  Real* dskip = nullptr;
  const Real* skip_so_far = nullptr;
};

namespace cpu {
inline constexpr bool kReadsSkip = true;
// y = conv2d(group_norm(x)) + epilogue; mean and rstd (n, groups) are kept for the backward
// pass.
void norm_conv2d_forward(Real* y, Real* mean, Real* rstd, const NormConv2dInputs& in,
                         const Conv2dEpilogue& epilogue, const NormConv2dSizes& sizes);
void norm_conv2d_backward(const NormConv2dGradients& gradients, const Real* dy,
                          const NormConv2dInputs& in, const Real* mean, const Real* rstd,
                          const NormConv2dSizes& sizes);
}  // namespace cpu
namespace cuda {
inline constexpr bool kReadsSkip = false;
void norm_conv2d_forward(Real* y, Real* mean, Real* rstd, const NormConv2dInputs& in,
                         const Conv2dEpilogue& epilogue, const NormConv2dSizes& sizes);
void norm_conv2d_backward(const NormConv2dGradients& gradients, const Real* dy,
                          const NormConv2dInputs& in, const Real* mean, const Real* rstd,
                          const NormConv2dSizes& sizes);
}  // namespace cuda

}  // namespace ink
