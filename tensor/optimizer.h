// The optimiser's passes over flat buffers, for the device on which they lie.
#pragma once

#include "tensor/kernels/optimizer.h"
#include "tensor/tensor.h"

namespace ink {

// One AdamW step, in place, on compact tensors of one length and device. gradient_norm () is the
// norm of all gradients, for clipping; unless it is finite nothing changes. (OPT.1) - (OPT.4),
// (OPT.7) With `average`, the parameters' moving average is updated in the same pass. (OPT.5)
void adamw_(Tensor& parameters, Tensor& moment1, Tensor& moment2, const Tensor& gradients,
            const Tensor& gradient_norm, const Varying<AdamWStep>& step, Tensor* average = nullptr);

// average = decay average + (1 - decay) parameters, in place, under the same conditions. (OPT.5)
void ema_(Tensor& average, const Tensor& parameters, const Varying<Real>& decay);

}  // namespace ink
