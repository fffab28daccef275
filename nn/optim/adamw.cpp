#include "nn/optim/adamw.h"

#include <cmath>
#include <numbers>

#include "tensor/graph.h"
#include "tensor/ops.h"

namespace ink::nn {

AdamW::AdamW(Parameters& parameters, const AdamWOptions& options)
    : parameters_(&parameters),
      options_(options),
      moment1_(Tensor::zeros({parameters.count()}, parameters.values().device())),
      moment2_(Tensor::zeros({parameters.count()}, parameters.values().device())) {}

Tensor AdamW::step(Real learning_rate) {
  return update([learning_rate] { return learning_rate; }, nullptr);
}

Tensor AdamW::step(const LearningRate& rate, Ema& average) {
  return update([this, &rate] { return rate.at(steps_); }, &average);
}

Tensor AdamW::update(const std::function<Real()>& learning_rate, Ema* average) {
  const Tensor norm = global_norm(parameters_->gradients());
  const Varying<AdamWStep> numbers = varying(norm.device(), [this, learning_rate, average] {
    AdamWStep step = next(learning_rate());
    if (average != nullptr) step.average_decay = average->next_decay();
    return step;
  });
  adamw_(parameters_->values(), moment1_, moment2_, parameters_->gradients(), norm, numbers,
         average == nullptr ? nullptr : &average->average());
  return norm;
}

AdamWStep AdamW::next(Real learning_rate) {
  ++steps_;
  const auto correction = [this](Real beta) {
    return static_cast<Real>(1 - std::pow(static_cast<double>(beta), static_cast<double>(steps_)));
  };
  return {.learning_rate = learning_rate,
          .beta1 = options_.beta1,
          .beta2 = options_.beta2,
          .epsilon = options_.epsilon,
          .weight_decay = options_.weight_decay,
          .correction1 = correction(options_.beta1),  // (OPT.3)
          .correction2 = correction(options_.beta2),
          .max_gradient_norm = options_.max_gradient_norm};
}

Tensor global_norm(const Tensor& flat) { return sqrt(sum_of_squares(flat)); }

Real LearningRate::at(Index step) const {
  if (step < warmup) return peak * static_cast<Real>(step + 1) / static_cast<Real>(warmup);
  if (step < decay_start) return peak;
  if (step >= total) return 0;
  const double share =
      static_cast<double>(step - decay_start) / static_cast<double>(total - decay_start);
  return peak * static_cast<Real>(0.5 * (1 + std::cos(std::numbers::pi * share)));
}

}  // namespace ink::nn
