#include "autograd/gradcheck.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "tensor/check.h"
#include "tensor/ops.h"
#include "tensor/random.h"

namespace ink {
namespace {

using Function = std::function<Variable(const std::vector<Variable>&)>;

// <v, f(inputs)> without a tape, added up in double.
double joined(const Function& f, const Tensors& inputs, const Tensor& v) {
  const NoGrad no_grad;
  const std::vector<Variable> constants(inputs.begin(), inputs.end());
  const std::vector<Real> y = f(constants).value().to_vector(), weights = v.to_vector();
  double total = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    total += static_cast<double>(y[i]) * static_cast<double>(weights[i]);
  }
  return total;
}

struct Difference {
  std::size_t element;
  double value;
};

// d<v, f>/d(inputs[which]) by central differences, at every `stride`-th element. (AD.5)
std::vector<Difference> differences(const Function& f, const Tensors& inputs, std::size_t which,
                                    const Tensor& v, double step, std::size_t stride) {
  const std::vector<Real> x = inputs[which].to_vector();
  std::vector<Difference> result;
  const auto joined_at = [&](std::size_t i, Real value) {
    std::vector<Real> moved = x;
    moved[i] = value;
    Tensors changed = inputs;
    changed[which] = Tensor::from(moved, inputs[which].shape(), inputs[which].device());
    return joined(f, changed, v);
  };
  for (std::size_t i = 0; i < x.size(); i += stride) {
    const double h = step * std::max(1.0, std::fabs(static_cast<double>(x[i])));
    const Real above = static_cast<Real>(x[i] + h), below = static_cast<Real>(x[i] - h);
    const double rise = joined_at(i, above) - joined_at(i, below);
    result.push_back({i, rise / (static_cast<double>(above) - static_cast<double>(below))});
  }
  return result;
}

// "(1,0,2)" for element `flat` of a tensor of this shape.
std::string index_string(const Shape& shape, Index flat) {
  Shape index = shape;
  for (int axis = shape.axes() - 1; axis >= 0; --axis) {
    index[axis] = flat % shape[axis];
    flat /= shape[axis];
  }
  return index.to_string();
}

}  // namespace

void check_gradients(const char* op, const Function& f, const Tensors& inputs,
                     const GradientCheckOptions& options) {
  constexpr bool kDouble = std::is_same_v<Real, double>;
  const double step = options.step > 0 ? options.step : (kDouble ? 6e-6 : 1e-2);
  const double tolerance = options.tolerance > 0 ? options.tolerance : (kDouble ? 1e-7 : 2e-2);

  std::vector<Variable> leaves;
  for (const Tensor& input : inputs) leaves.emplace_back(input.clone(), true);
  const Variable y = f(leaves);
  const Tensor v = Random(options.seed, y.device()).normal(y.shape());
  y.backward(v);

  for (std::size_t which = 0; which < inputs.size(); ++which) {
    const Tensor& gradient = leaves[which].gradient();
    const std::vector<Real> got = gradient.defined()
                                      ? gradient.to_vector()
                                      : std::vector<Real>(inputs[which].to_vector().size(), 0);
    const auto count = static_cast<Index>(got.size());
    const Index stride =
        options.elements > 0 ? (count + options.elements - 1) / options.elements : 1;
    const std::vector<Difference> expected = differences(
        f, inputs, which, v, step, static_cast<std::size_t>(std::max(stride, Index{1})));
    double scale = 1;
    for (const Difference& e : expected) scale = std::max(scale, std::fabs(e.value));

    Difference worst{0, 0};
    double worst_error = -1;
    for (const Difference& e : expected) {
      const double difference = std::fabs(static_cast<double>(got[e.element]) - e.value) / scale;
      const double error = std::isnan(difference) ? INFINITY : difference;
      if (error > worst_error) worst_error = error, worst = e;
    }
    if (worst_error <= tolerance) continue;
    fail(op,
         "the gradient of input {} at {} is wrong: got {:.9g}, expected {:.9g} (error {:.2g}, "
         "allowed {:.2g})",
         which, index_string(inputs[which].shape(), static_cast<Index>(worst.element)),
         got[worst.element], worst.value, worst_error, tolerance);
  }
}

}  // namespace ink
