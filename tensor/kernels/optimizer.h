// One pass over the flat parameter buffer: AdamW, and the exponential moving average beside it.
#pragma once

#include <cmath>

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

  // Updates one parameter p and its moments m and v from its gradient.
  HD void operator()(Real& p, Real& m, Real& v, Real gradient) const {
    const Real g = gradient_scale * gradient;
    m = beta1 * m + (1 - beta1) * g;      // (OPT.1)
    v = beta2 * v + (1 - beta2) * g * g;  // (OPT.2)
    const Real direction = m / correction1 / (std::sqrt(v / correction2) + epsilon);
    p -= learning_rate * (direction + weight_decay * p);  // (OPT.3) (OPT.4)
  }
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
