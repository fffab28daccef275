#include "apps/support/divergence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace ink::apps {
namespace {

std::string describe(const nn::Parameters& parameters, Index position, Real value) {
  for (const nn::Parameter& parameter : parameters.list()) {
    const Index element = position - parameter.offset();
    if (element < parameter.shape().count()) {
      return fmt::format("{}[{}] is {:.3g}", parameter.name(), element, value);
    }
  }
  return "";
}

}  // namespace

std::string first_not_finite(const nn::Parameters& parameters, const Tensor& flat) {
  const std::vector<Real> values = flat.to_vector();
  const auto found =
      std::find_if(values.begin(), values.end(), [](Real value) { return !std::isfinite(value); });
  return found == values.end() ? "" : describe(parameters, found - values.begin(), *found);
}

std::string largest(const nn::Parameters& parameters, const Tensor& flat) {
  const std::vector<Real> values = flat.to_vector();
  const auto found = std::max_element(values.begin(), values.end(),
                                      [](Real a, Real b) { return std::abs(a) < std::abs(b); });
  return found == values.end() ? "" : describe(parameters, found - values.begin(), *found);
}

}  // namespace ink::apps
