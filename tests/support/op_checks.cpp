#include "tests/support/op_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tensor/ops.h"

namespace ink::test {

Result differentiate(const OpCase::Op& op, const std::vector<Variable>& inputs, const Tensor& dy) {
  const Variable y = op(inputs);
  y.backward(dy.defined() ? dy : normal_numbers("upstream gradient", y.shape(), y.device()));
  Result result{y.value(), {}};
  for (const Variable& input : inputs) {
    result.gradients.push_back(input.requires_grad() ? input.gradient() : Tensor());
  }
  return result;
}

std::string different_bits(const Result& got, const Result& expected) {
  if (!equal(got.value, expected.value)) {
    return fmt::format("values differ by {:.3g}", relative_error(got.value, expected.value));
  }
  for (std::size_t i = 0; i < expected.gradients.size(); ++i) {
    const Tensor &a = got.gradients[i], &b = expected.gradients[i];
    if (a.defined() != b.defined()) return fmt::format("only one gradient of input {}", i);
    if (!a.defined() || equal(a, b)) continue;
    return fmt::format("gradients of input {} differ by {:.3g}", i, relative_error(a, b));
  }
  return {};
}

double value_tolerance(const OpCase& c) {
  return 4 * kEpsilon * std::sqrt(c.terms) * c.conditioning;
}

double gradient_tolerance(const OpCase& c, std::size_t input, Index outputs) {
  const double spread =
      static_cast<double>(outputs) / static_cast<double>(c.inputs[input].shape.count());
  const double terms = std::max(1.0, c.terms) * std::max(1.0, spread);
  return 4 * kEpsilon * std::sqrt(terms) * c.conditioning;
}

std::string difference(const Tensor& got, const Array& expected, double relative, Scale scale) {
  if (got.shape() != expected.shape) {
    return fmt::format("got the shape {}, expected {}", got.shape(), expected.shape);
  }
  const std::vector<Real> values = got.to_vector();
  const double largest = std::max(1.0, expected.largest());
  std::size_t worst = 0;
  double worst_excess = 0, worst_error = 0, worst_allowed = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double e = expected.values[i];
    const double error = std::fabs(static_cast<double>(values[i]) - e);
    const double allowed = relative * (scale == Scale::element ? std::fabs(e) : largest);
    const double excess = error == 0 ? 0 : std::isnan(error) ? INFINITY : error / allowed;
    if (excess <= worst_excess) continue;
    worst = i;
    worst_excess = excess, worst_error = error, worst_allowed = allowed;
  }
  if (worst_excess <= 1) return {};
  return fmt::format("at ({}): got {:.9g}, expected {:.9g} (error {:.3g}, allowed {:.3g})",
                     fmt::join(index_of(got.shape(), static_cast<Index>(worst)), ","),
                     values[worst], expected.values[worst], worst_error, worst_allowed);
}

}  // namespace ink::test
