// Modules against the values and gradients that PyTorch computed for them.
#pragma once

#include "autograd/ops.h"
#include "tests/support/close.h"
#include "tests/support/reference.h"

namespace ink::test {

// Compares each parameter's accumulated gradient with the stored one, relative to that gradient's
// largest element. A constant added to all keys changes no softmax: the gradient of to_k.bias is
// zero but for rounding, and is measured by the largest gradient of all.
inline void check_parameter_gradients(const Reference& reference, const nn::Parameters& parameters,
                                      double tolerance = kAgainstTorch) {
  const Tensor expected = reference.gradients(parameters);
  const double largest = std::sqrt(static_cast<double>(max(square(expected)).item()));
  for (const nn::Parameter& parameter : parameters.list()) {
    const Tensor dw = nn::Parameters::view(parameters.gradients(), parameter);
    const Tensor stored = nn::Parameters::view(expected, parameter);
    if (parameter.name().ends_with("to_k.bias")) {
      const double error = std::sqrt(static_cast<double>(max(square(dw - stored)).item()));
      check_near(error / largest, 0, tolerance, "d " + parameter.name());
    } else {
      check_close(dw, stored, tolerance, "d " + parameter.name());
    }
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
