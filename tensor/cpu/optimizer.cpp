#include "tensor/kernels/optimizer.h"

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
    for (Index i = first; i < last; ++i) s(parameters[i], moment1[i], moment2[i], gradients[i]);
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
