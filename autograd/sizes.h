// The sizes of ops that more than one file checks; they throw Error naming what does not fit.
#pragma once

#include "autograd/ops.h"
#include "tensor/kernels/conv2d.h"
#include "tensor/kernels/group_norm.h"

namespace ink {

Conv2dSizes conv2d_sizes(const Variable& x, const Variable& weight, const Conv2dOptions& options,
                         const Conv2dTerms& terms);
// Of x with `skip_channels` more.
GroupNormSizes group_norm_sizes(const Variable& x, const Variable& gamma, const Variable& beta,
                                const GroupNormOptions& options, Index skip_channels = 0);

inline Index skip_channels(const Conv2dTerms& terms) {
  return terms.skip.defined() ? terms.skip.size(-1) : 0;
}
// The terms of a convolution whose image is already joined to its skip connection.
inline Conv2dTerms without_skip(const Conv2dTerms& terms) {
  return {.bias = terms.bias, .image_bias = terms.image_bias, .residual = terms.residual};
}

// A compact tensor of the value; an undefined one of an undefined variable.
inline Tensor compact(const Variable& x) { return x.defined() ? x.value().contiguous() : Tensor(); }
inline const Real* pointer(const Tensor& x) { return x.defined() ? x.data() : nullptr; }
// The weights of a forward pass. Without recording nobody trains them, and they will be met again:
// kernels may keep what they make of them.
inline Weight weight_of(const Tensor& w) {
  return {w.data(), grad_enabled() ? nullptr : &w.packed_weights()};
}

}  // namespace ink
