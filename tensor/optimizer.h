// The optimiser's passes over flat buffers, for the device on which they lie.
#pragma once

#include "tensor/kernels/optimizer.h"
#include "tensor/tensor.h"

namespace ink {

// One AdamW step, in place, on compact tensors of one length and device. (OPT.1) - (OPT.4)
void adamw_(Tensor& parameters, Tensor& moment1, Tensor& moment2, const Tensor& gradients,
            const AdamWStep& step);

// average = decay average + (1 - decay) parameters, in place, under the same conditions. (OPT.5)
void ema_(Tensor& average, const Tensor& parameters, Real decay);

}  // namespace ink
