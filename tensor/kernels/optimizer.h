// One pass over the flat parameter buffer: clipping, AdamW, and the exponential moving average
// beside it.
#pragma once

#include <cmath>

#include "tensor/kernels/real.h"
#include "tensor/kernels/varying.h"

namespace ink {

// AdamW (Loshchilov & Hutter, 2019): decoupled weight decay, bias-corrected moments. (OPT.1) -
// (OPT.4)
struct AdamWStep {
  Real learning_rate;
  Real beta1;
  Real beta2;
  Real epsilon;
  Real weight_decay;
  Real correction1;            // 1 - beta1^step
  Real correction2;            // 1 - beta2^step
  Real max_gradient_norm = 0;  // 0: no clipping
  Real average_decay = 0;      // of the moving average, where there is one

  // What every gradient is multiplied by, given the norm of all of them: as PyTorch's
  // clip_grad_norm_ computes it, nothing is divided by zero. (OPT.7)
  HD Real clipping(Real gradient_norm) const {
    const Real scale = max_gradient_norm / (gradient_norm + Real(1e-6));
    return max_gradient_norm > 0 && scale < 1 ? scale : Real(1);
  }

  // Updates one parameter p and its moments m and v from its clipped gradient g.
  HD void operator()(Real& p, Real& m, Real& v, Real g) const {
    m = beta1 * m + (1 - beta1) * g;      // (OPT.1)
    v = beta2 * v + (1 - beta2) * g * g;  // (OPT.2)
    const Real direction = m / correction1 / (std::sqrt(v / correction2) + epsilon);
    p -= learning_rate * (direction + weight_decay * p);  // (OPT.3) (OPT.4)
  }
};

// The average after one more value. (OPT.5)
HD inline Real moving_average(Real average, Real value, Real decay) {
  return decay * average + (1 - decay) * value;
}

namespace cpu {
// Updates parameters, first and second moment and, unless it is null, their moving average in
// place, all of length n. gradient_norm is one number, the norm of all gradients; unless it is
// finite nothing changes, so that the weights which led to it can be looked at.
void adamw(Real* parameters, Real* moment1, Real* moment2, Real* average, const Real* gradients,
           const Real* gradient_norm, Index n, const Varying<AdamWStep>& step);
// average = decay average + (1 - decay) parameters (OPT.5)
void ema(Real* average, const Real* parameters, Index n, const Varying<Real>& decay);
}  // namespace cpu
namespace cuda {
void adamw(Real* parameters, Real* moment1, Real* moment2, Real* average, const Real* gradients,
           const Real* gradient_norm, Index n, const Varying<AdamWStep>& step);
void ema(Real* average, const Real* parameters, Index n, const Varying<Real>& decay);
}  // namespace cuda

}  // namespace ink
