// The normalised images are made in scratch memory, where the convolution reads each of them nine
// times; the backward pass makes them once more, and dh takes their place.
#include "tensor/kernels/norm_conv2d.h"

#include "cuda/group_norm.h"
#include "cuda/scratch.h"
#include "tensor/kernels/reduce.h"

namespace ink::cuda {
namespace {

Index count_of(const GroupNormSizes& s) { return s.n * s.pixels * s.channels; }

}  // namespace

void norm_conv2d_forward(Real* y, Real* mean, Real* rstd, const NormConv2dInputs& in,
                         const Conv2dEpilogue& epilogue, const NormConv2dSizes& s) {
  const Scratch<Real> h(count_of(s.norm));
  group_norm_forward(h.data(), mean, rstd, in.x, in.gamma, in.beta, s.norm);
  conv2d_forward(y, h.data(), in.weight, epilogue, s.conv);
}

void norm_conv2d_backward(const NormConv2dGradients& to, const Real* dy, const NormConv2dInputs& in,
                          const Real* mean, const Real* rstd, const NormConv2dSizes& s) {
  const Scratch<Real> h(count_of(s.norm));
  group_norm_apply(h.data(), in.x, mean, rstd, in.gamma, in.beta, s.norm);
  conv2d_backward_weight(to.dweight, to.dbias, h.data(), dy, s.conv);
  if (to.dimage_bias != nullptr)
    reduce<Sum>(to.dimage_bias, dy,
                {s.conv.n, s.conv.out_h() * s.conv.out_w(), s.conv.c_out});  // (CONV.8)
  conv2d_backward_data(h.data(), dy, in.weight.data, s.conv);
  group_norm_backward(to.dx, to.dgamma, to.dbeta, h.data(), in.x, mean, rstd, in.gamma, in.beta,
                      s.norm, to.so_far);
}

}  // namespace ink::cuda
