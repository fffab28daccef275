#include "nn/optim/ema.h"

#include <algorithm>

#include "tensor/optimizer.h"

namespace ink::nn {

Ema::Ema(Parameters& parameters, Real decay)
    : parameters_(&parameters), decay_(decay), average_(parameters.values().clone()) {}

void Ema::update() {
  ++updates_;
  const auto k = static_cast<Real>(updates_);
  const Real warmed_up = std::min(decay_, (k + 1) / (k + 10));
  ema_(average_, parameters_->values(), warmed_up);
}

WithValues::WithValues(Parameters& parameters, const Tensor& other)
    : parameters_(&parameters), own_(parameters.values().clone()) {
  parameters.values().copy_(other);
}

WithValues::~WithValues() { parameters_->values().copy_(own_); }

}  // namespace ink::nn
