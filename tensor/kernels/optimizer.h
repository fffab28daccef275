// One pass over the flat parameter buffer: AdamW, and the exponential moving average beside it.
#pragma once

#include "tensor/kernels/real.h"

namespace ink {

// AdamW (Loshchilov & Hutter, 2019): decoupled weight decay, bias-corrected moments. (OPT.1) -
// (OPT.4)
struct AdamWStep {
  Real learning_rate;
  Real beta1;
  Real beta2;
  Real epsilon;
  Real weight_decay;
  Real correction1;     // 1 - beta1^step
  Real correction2;     // 1 - beta2^step
  Real gradient_scale;  // global-norm clipping multiplies every gradient by this
};

namespace cpu {
// Updates parameters, first and second moment in place, all of length n.
void adamw(Real* parameters, Real* moment1, Real* moment2, const Real* gradients, Index n,
           const AdamWStep& step);
// average = decay average + (1 - decay) parameters (OPT.5)
void ema(Real* average, const Real* parameters, Index n, Real decay);
}  // namespace cpu
namespace cuda {
void adamw(Real* parameters, Real* moment1, Real* moment2, const Real* gradients, Index n,
           const AdamWStep& step);
void ema(Real* average, const Real* parameters, Index n, Real decay);
}  // namespace cuda

}  // namespace ink
