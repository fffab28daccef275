#include "nn/optim/ema.h"

#include <algorithm>

#include "tensor/graph.h"
#include "tensor/optimizer.h"

namespace ink::nn {

Ema::Ema(Parameters& parameters, Real decay)
    : parameters_(&parameters), decay_(decay), average_(parameters.values().clone()) {}

void Ema::update() {
  const auto decay = varying(average_.device(), [this] { return next_decay(); });
  ema_(average_, parameters_->values(), decay);
}

Real Ema::next_decay() {
  ++updates_;
  const auto k = static_cast<Real>(updates_);
  return std::min(decay_, (k + 1) / (k + 10));
}

WithValues::WithValues(Parameters& parameters, const Tensor& other)
    : parameters_(&parameters), own_(parameters.values().clone()) {
  parameters.values().copy_(other);
}

WithValues::~WithValues() { parameters_->values().copy_(own_); }

}  // namespace ink::nn
