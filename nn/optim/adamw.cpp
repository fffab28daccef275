#include "nn/optim/adamw.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tensor/ops.h"
#include "tensor/optimizer.h"

namespace ink::nn {

AdamW::AdamW(Parameters& parameters, const AdamWOptions& options)
    : parameters_(&parameters),
      options_(options),
      moment1_(Tensor::zeros({parameters.count()}, parameters.values().device())),
      moment2_(Tensor::zeros({parameters.count()}, parameters.values().device())) {}

Real AdamW::step(Real learning_rate) {
  ++steps_;
  const Real norm = global_norm(parameters_->gradients());
  const Real limit = options_.max_gradient_norm;
  // As PyTorch's clip_grad_norm_ computes it: nothing is divided by zero. (OPT.7)
  const Real scale = limit > 0 ? std::min(Real(1), limit / (norm + Real(1e-6))) : Real(1);
  const auto correction = [this](Real beta) {
    return static_cast<Real>(1 - std::pow(static_cast<double>(beta), static_cast<double>(steps_)));
  };
  const AdamWStep update{.learning_rate = learning_rate,
                         .beta1 = options_.beta1,
                         .beta2 = options_.beta2,
                         .epsilon = options_.epsilon,
                         .weight_decay = options_.weight_decay,
                         .correction1 = correction(options_.beta1),  // (OPT.3)
                         .correction2 = correction(options_.beta2),
                         .gradient_scale = scale};
  adamw_(parameters_->values(), moment1_, moment2_, parameters_->gradients(), update);
  return norm;
}

Real global_norm(const Tensor& flat) { return std::sqrt(sum_of_squares(flat).item()); }

Real LearningRate::at(Index step) const {
  if (step < warmup) return peak * static_cast<Real>(step + 1) / static_cast<Real>(warmup);
  if (step < decay_start) return peak;
  if (step >= total) return 0;
  const double share =
      static_cast<double>(step - decay_start) / static_cast<double>(total - decay_start);
  return peak * static_cast<Real>(0.5 * (1 + std::cos(std::numbers::pi * share)));
}

}  // namespace ink::nn
