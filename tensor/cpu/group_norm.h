// Group normalisation for the kernels that contain it: of images that may be joined from two
// arrays.
#pragma once

#include "tensor/kernels/group_norm.h"

namespace ink::cpu {

// Images (n, pixels, channels) whose last channels may stand in an array of their own: a skip
// connection, read where it is. Null arrays are none.
template <class T>
struct Joined {
  T* x;
  T* skip = nullptr;
  Index skip_channels = 0;

  Joined from_image(Index i, const GroupNormSizes& sizes) const {
    const Index skipped = i * sizes.pixels * skip_channels;
    return {x == nullptr ? nullptr : x + i * sizes.pixels * sizes.channels - skipped,
            skip == nullptr ? nullptr : skip + skipped, skip_channels};
  }
};
using JoinedInput = Joined<const Real>;

// As those of tensor/kernels/group_norm.h; mean, rstd and y are of the joined image. What is known
// of SiLU's derivative from group_norm_apply, the backward pass need not compute: `slope`, or null.
void group_norm_forward(Real* y, Real* mean, Real* rstd, const JoinedInput& x, const Real* gamma,
                        const Real* beta, const GroupNormSizes& sizes);
void group_norm_backward(const Joined<Real>& dx, Real* dgamma, Real* dbeta, const Real* dy,
                         const Real* slope, const JoinedInput& x, const Real* mean,
                         const Real* rstd, const Real* gamma, const Real* beta,
                         const GroupNormSizes& sizes, const JoinedInput& so_far);

// y of group_norm_forward from its mean and rstd: the same bits (GN.3). Unless null, `slope`, laid
// out as y, takes SiLU's derivative where there is a SiLU (ACT.4); it may be y, if that is not
// needed.
void group_norm_apply(Real* y, Real* slope, const JoinedInput& x, const Real* mean,
                      const Real* rstd, const Real* gamma, const Real* beta,
                      const GroupNormSizes& sizes);

}  // namespace ink::cpu
