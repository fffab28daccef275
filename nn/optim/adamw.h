// AdamW, global-norm clipping, learning-rate schedules.
#pragma once

#include "nn/parameter.h"

namespace ink::nn {

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
  // before clipping.
  Real step(Real learning_rate);

  Index steps() const { return steps_; }
  // The state, for checkpoints: flat, laid out as the parameters.
  Tensor& moment1() { return moment1_; }
  Tensor& moment2() { return moment2_; }
  void set_steps(Index steps) { steps_ = steps; }

 private:
  Parameters* parameters_;
  AdamWOptions options_;
  Tensor moment1_, moment2_;
  Index steps_ = 0;
};

// ||x||_2 over all elements.
Real global_norm(const Tensor& flat);

// Rises linearly over the first `warmup` steps, and falls along half a cosine from `peak` at the
// start of the run to `final_fraction` * peak at its end.
struct LearningRate {
  Real peak;
  Index warmup = 0;
  Real final_fraction = 0;
  // The rate of the given step (0, 1, ...) at the given share, 0 to 1, of the whole run. (OPT.6)
  Real at(Index step, double progress) const;
};

}  // namespace ink::nn
