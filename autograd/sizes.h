// The sizes of ops that more than one file checks; they throw Error naming what does not fit.
#pragma once

#include "autograd/ops.h"
#include "tensor/kernels/conv2d.h"
#include "tensor/kernels/group_norm.h"

namespace ink {

Conv2dSizes conv2d_sizes(const Variable& x, const Variable& weight, const Conv2dOptions& options,
                         const Conv2dTerms& terms);
GroupNormSizes group_norm_sizes(const Variable& x, const Variable& gamma, const Variable& beta,
                                const GroupNormOptions& options);

// A compact tensor of the value; an undefined one of an undefined variable.
inline Tensor compact(const Variable& x) { return x.defined() ? x.value().contiguous() : Tensor(); }
inline const Real* pointer(const Tensor& x) { return x.defined() ? x.data() : nullptr; }

}  // namespace ink
