#include "tensor/kernels/optimizer.h"

#include <cmath>

#include "tensor/cpu/parallel.h"

namespace ink::cpu {

namespace {
constexpr Index kBlock = 16384;
}  // namespace

void adamw(Real* parameters, Real* moment1, Real* moment2, const Real* gradients, Index n,
           const AdamWStep& step) {
  parallel_blocks(n, kBlock, [=](Index first, Index last) {
    const AdamWStep s = step;
#pragma omp simd
    for (Index i = first; i < last; ++i) {
      const Real g = s.gradient_scale * gradients[i];
      const Real m = s.beta1 * moment1[i] + (1 - s.beta1) * g;      // (OPT.1)
      const Real v = s.beta2 * moment2[i] + (1 - s.beta2) * g * g;  // (OPT.2)
      moment1[i] = m;
      moment2[i] = v;
      const Real direction = m / s.correction1 / (std::sqrt(v / s.correction2) + s.epsilon);
      const Real p = parameters[i];
      parameters[i] = p - s.learning_rate * (direction + s.weight_decay * p);  // (OPT.3) (OPT.4)
    }
  });
}

void ema(Real* average, const Real* parameters, Index n, Real decay) {
  parallel_blocks(n, kBlock, [=](Index first, Index last) {
#pragma omp simd
    for (Index i = first; i < last; ++i) {
      average[i] = decay * average[i] + (1 - decay) * parameters[i];  // (OPT.5)
    }
  });
}

}  // namespace ink::cpu
