#include "tensor/kernels/optimizer.h"

#include "cuda/loop.cuh"

namespace ink::cuda {

namespace {

// The flat buffers of a step; `average` may be null.
struct Buffers {
  Real *parameters, *moment1, *moment2, *average;
  const Real* gradients;
};

// Pack i of every buffer.
template <int Width>
__device__ void update_pack(const Buffers& at, Index i, const AdamWStep& step, Real scale) {
  Pack<Width> p = load_pack<Width>(at.parameters, i);
  Pack<Width> m = load_pack<Width>(at.moment1, i), v = load_pack<Width>(at.moment2, i);
  const Pack<Width> g = load_pack<Width>(at.gradients, i);
#pragma unroll
  for (int j = 0; j < Width; ++j) step(p.value[j], m.value[j], v.value[j], scale * g.value[j]);
  store_pack(at.parameters, i, p);
  store_pack(at.moment1, i, m);
  store_pack(at.moment2, i, v);

  if (at.average == nullptr) return;
  Pack<Width> a = load_pack<Width>(at.average, i);
#pragma unroll
  for (int j = 0; j < Width; ++j) {
    a.value[j] = moving_average(a.value[j], p.value[j], step.average_decay);
  }
  store_pack(at.average, i, a);
}

template <int Width>
__global__ void adamw_kernel(Buffers at, const Real* gradient_norm, Index n,
                             Varying<AdamWStep> varying) {
  const Real norm = *gradient_norm;
  if (!std::isfinite(norm)) return;
  const AdamWStep step = varying.get();
  const Real scale = step.clipping(norm);
  for (const Index i : indices(n / Width)) update_pack<Width>(at, i, step, scale);
  for (const Index i : indices(n / Width * Width, n)) update_pack<1>(at, i, step, scale);
}

__global__ void ema_kernel(Real* average, const Real* parameters, Index n, Varying<Real> decay) {
  const Real d = decay.get();
  for (const Index i : indices(n)) average[i] = moving_average(average[i], parameters[i], d);
}

}  // namespace

void adamw(Real* parameters, Real* moment1, Real* moment2, Real* average, const Real* gradients,
           const Real* gradient_norm, Index n, const Varying<AdamWStep>& step) {
  if (n == 0) return;
  const Buffers at{parameters, moment1, moment2, average, gradients};
  if (packs_aligned(parameters, moment1, moment2, average, gradients)) {
    launch(adamw_kernel<kPack>, launch_for((n + kPack - 1) / kPack), at, gradient_norm, n, step);
  } else {
    launch(adamw_kernel<1>, launch_for(n), at, gradient_norm, n, step);
  }
}

void ema(Real* average, const Real* parameters, Index n, const Varying<Real>& decay) {
  if (n > 0) launch(ema_kernel, launch_for(n), average, parameters, n, decay);
}

}  // namespace ink::cuda
