// Modules against the values and gradients that PyTorch computed for them.
#pragma once

#include <algorithm>

#include "autograd/ops.h"
#include "tests/support/close.h"
#include "tests/support/reference.h"

namespace ink::test {

// Compares each parameter's accumulated gradient with the stored one, relative to that gradient's
// largest element, but for two that are what is left of larger terms. A constant added to all keys
// changes no softmax: the gradient of to_k.bias is zero but for rounding, and is measured by the
// largest gradient of all. That of to_q.bias is a sum over scores whose gradients cancel along each
// row: changing the input in its last bit moves it by 5e-6 of itself (in unet_class, the median of
// 60 draws; the largest was 1.6e-5). In float it is measured by the largest gradient of its layer,
// in double like all others.
inline void check_parameter_gradients(const Reference& reference, const nn::Parameters& parameters,
                                      double tolerance = kAgainstTorch) {
  const auto largest = [](const Tensor& x) {
    return static_cast<double>(max(map(Abs{}, x)).item());
  };
  const Tensor expected = reference.gradients(parameters);
  double of_weight = 0;  // which a layer has before its bias
  for (const nn::Parameter& parameter : parameters.list()) {
    const Tensor dw = nn::Parameters::view(parameters.gradients(), parameter);
    const Tensor stored = nn::Parameters::view(expected, parameter);
    const std::string name = "d " + parameter.name();
    if (name.ends_with("to_k.bias"))
      check_near(largest(dw - stored) / largest(expected), 0, tolerance, name);
    else if (name.ends_with("to_q.bias") && sizeof(Real) == sizeof(float))
      check_near(largest(dw - stored) / std::max(of_weight, largest(stored)), 0, tolerance, name);
    else
      check_close(dw, stored, tolerance, name);
    if (name.ends_with(".weight")) of_weight = largest(stored);
  }
}

// Gives the parameters the stored values, computes y = forward(x) and its gradients for the stored
// dy, and compares them all. `forward` may hold further leaves.
template <class Forward>
void check_against_torch(const Reference& reference, nn::Parameters& parameters,
                         const Forward& forward, double tolerance = kAgainstTorch) {
  parameters.allocate(Random(1));
  reference.load_into(parameters);
  const Variable x(reference.at("x"), true);
  const Variable y = forward(x);
  check_close(y.value(), reference.at("y"), tolerance, "y");
  y.backward(reference.at("dy"));
  check_close(x.gradient(), reference.at("dx"), tolerance, "dx");
  check_parameter_gradients(reference, parameters, tolerance);
}

}  // namespace ink::test
