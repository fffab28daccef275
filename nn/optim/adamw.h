// AdamW, global-norm clipping, learning-rate schedules.
#pragma once

#include <functional>
#include <limits>

#include "nn/optim/ema.h"
#include "nn/parameter.h"
#include "tensor/optimizer.h"

namespace ink::nn {

// Rises linearly to `peak` over the first `warmup` steps, stays there until `decay_start`, and
// falls along half a cosine to 0 at `total` steps. decay_start = warmup is the usual warm-up and
// cosine decay; without a decay (decay_start = total) it stays at the peak.
struct LearningRate {
  Real peak;
  Index warmup = 0;
  Index decay_start = std::numeric_limits<Index>::max();
  Index total = std::numeric_limits<Index>::max();
  // The rate of step 0, 1, ... (OPT.6)
  Real at(Index step) const;
};

struct AdamWOptions {
  Real beta1 = Real(0.9);
  Real beta2 = Real(0.999);
  Real epsilon = Real(1e-8);
  Real weight_decay = 0;
  Real max_gradient_norm = 0;  // 0: no clipping
};

// Loshchilov & Hutter, 2019; PyTorch's order of operations.
class AdamW {
 public:
  AdamW(Parameters& parameters, const AdamWOptions& options);

  // One update from the gradients in `parameters`, which stay as they are. Returns their norm
  // before clipping, (); where that is not finite, nothing was changed.
  Tensor step(Real learning_rate);
  // The same at the rate of this step, and the update of the parameters' average in the same pass.
  // In a step that is recorded as a graph, `rate` and `average` must live as long as that.
  Tensor step(const LearningRate& rate, Ema& average);

  Index steps() const { return steps_; }
  // The state, for checkpoints: flat, laid out as the parameters.
  Tensor& moment1() { return moment1_; }
  Tensor& moment2() { return moment2_; }
  void set_steps(Index steps) { steps_ = steps; }

 private:
  Tensor update(const std::function<Real()>& learning_rate, Ema* average);
  // The numbers of the next step.
  AdamWStep next(Real learning_rate);

  Parameters* parameters_;
  AdamWOptions options_;
  Tensor moment1_, moment2_;
  Index steps_ = 0;
};

// ||x||_2 over all elements, ().
Tensor global_norm(const Tensor& flat);

}  // namespace ink::nn
