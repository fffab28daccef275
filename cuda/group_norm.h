// A part of group_norm_forward for the kernels that repeat it.
#pragma once

#include "tensor/kernels/group_norm.h"

namespace ink::cuda {

// y of group_norm_forward from its mean and rstd: the same bits. (GN.3)
void group_norm_apply(Real* y, const Real* x, const Real* mean, const Real* rstd, const Real* gamma,
                      const Real* beta, const GroupNormSizes& sizes);

}  // namespace ink::cuda
