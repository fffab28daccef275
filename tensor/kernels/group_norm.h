// Group normalisation (Wu & He, 2018), with the SiLU that follows it in a UNet fused on request.
#pragma once

#include "tensor/kernels/real.h"

namespace ink {

// x (n, pixels, channels); a group is channels / groups neighbouring channels of one image.
struct GroupNormSizes {
  Index n;
  Index pixels;
  Index channels;
  Index groups;
  Real epsilon;
  bool silu;  // y = silu(gamma x_hat + beta) instead of gamma x_hat + beta
};

namespace cpu {
// mean and rstd (n, groups) are kept for the backward pass: x_hat = (x - mean) rstd. (GN.1) (GN.2)
void group_norm_forward(Real* y, Real* mean, Real* rstd, const Real* x, const Real* gamma,
                        const Real* beta, const GroupNormSizes& sizes);
// dx shaped as x, added to `so_far` (dx itself, another array or null: nothing); dgamma and dbeta
// (channels), summed over images in a fixed order. (GN.4)
void group_norm_backward(Real* dx, Real* dgamma, Real* dbeta, const Real* dy, const Real* x,
                         const Real* mean, const Real* rstd, const Real* gamma, const Real* beta,
                         const GroupNormSizes& sizes, const Real* so_far = nullptr);
}  // namespace cpu
namespace cuda {
void group_norm_forward(Real* y, Real* mean, Real* rstd, const Real* x, const Real* gamma,
                        const Real* beta, const GroupNormSizes& sizes);
void group_norm_backward(Real* dx, Real* dgamma, Real* dbeta, const Real* dy, const Real* x,
                         const Real* mean, const Real* rstd, const Real* gamma, const Real* beta,
                         const GroupNormSizes& sizes, const Real* so_far = nullptr);
}  // namespace cuda

}  // namespace ink
