#include "tensor/kernels/optimizer.h"

#include <algorithm>

#include "tensor/cpu/parallel.h"

namespace ink::cpu {

namespace {

constexpr Index kBlock = 16384;
// Elements whose new values are averaged while they are still in the L1 cache.
constexpr Index kChunk = 1024;

void average_block(Real* average, const Real* parameters, Index first, Index last, Real decay) {
#pragma omp simd
  for (Index i = first; i < last; ++i) {
    average[i] = moving_average(average[i], parameters[i], decay);
  }
}

}  // namespace

void adamw(Real* parameters, Real* moment1, Real* moment2, Real* average, const Real* gradients,
           const Real* gradient_norm, Index n, const Varying<AdamWStep>& step) {
  if (!std::isfinite(*gradient_norm)) return;
  const AdamWStep s = step.value;
  const Real scale = s.clipping(*gradient_norm);
  parallel_blocks(n, kBlock, [=](Index first, Index last) {
    const AdamWStep update = s;
    for (Index chunk = first; chunk < last; chunk += kChunk) {
      const Index end = std::min(chunk + kChunk, last);
#pragma omp simd
      for (Index i = chunk; i < end; ++i) {
        update(parameters[i], moment1[i], moment2[i], scale * gradients[i]);
      }
      if (average != nullptr) average_block(average, parameters, chunk, end, s.average_decay);
    }
  });
}

void ema(Real* average, const Real* parameters, Index n, const Varying<Real>& decay) {
  const Real d = decay.value;
  parallel_blocks(n, kBlock, [=](Index first, Index last) {
    average_block(average, parameters, first, last, d);
  });
}

}  // namespace ink::cpu
