// Every op's gradients: against differences of the op, and against those of the naive reference.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "autograd/gradcheck.h"
#include "tests/support/op_checks.h"

namespace ink::test {
namespace {

// The op as a function of the inputs that have a gradient, the others held fixed.
OpCase::Op with_constants(const OpCase& c, const Tensors& inputs) {
  return [&c, inputs](const std::vector<Variable>& moving) {
    std::vector<Variable> all = constants(inputs);
    std::size_t next = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!c.inputs[i].is_constant) all[i] = moving[next++];
    }
    return c.run(all);
  };
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double total = 0;
  for (std::size_t i = 0; i < a.size(); ++i) total += a[i] * b[i];
  return total;
}

struct Slope {
  double value;
  double error;  // that rounding may cause
};

// d<dy, reference>/dh at x + h u in input `which`, by a central difference in double. The
// difference is taken before the sum, which would swamp it.
Slope directional(const OpCase& c, const Arrays& x, std::size_t which, const std::vector<double>& u,
                  const Array& dy, double h) {
  const auto moved_by = [&](double step) {
    Arrays moved = x;
    for (std::size_t i = 0; i < u.size(); ++i) moved[which].values[i] += step * u[i];
    return c.reference(moved);
  };
  const Array above = moved_by(h), below = moved_by(-h);
  double total = 0;
  for (std::size_t i = 0; i < dy.values.size(); ++i) {
    total += dy.values[i] * (above.values[i] - below.values[i]);
  }
  const double rounding =
      std::numeric_limits<double>::epsilon() * std::sqrt(std::max(1.0, c.terms)) * above.largest();
  return {total / (2 * h), rounding * std::sqrt(dot(dy.values, dy.values)) / h};
}

// In float a difference is too coarse to tell much: there the next test does it.
void check_element_by_element(Device device, Index elements) {
  if constexpr (std::is_same_v<Real, float>) return;
  for_each_case([device, elements](const OpRow& row, const OpCase& c) {
    if (c.large) return;
    const Tensors inputs = make_inputs(row, c, device);
    Tensors moving;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!c.inputs[i].is_constant) moving.push_back(inputs[i]);
    }
    CHECK_NOTHROW(
        check_gradients(row.op.c_str(), with_constants(c, inputs), moving,
                        {.step = c.gradient_step, .tolerance = 1e-7, .elements = elements}));
  });
}

}  // namespace

TEST_CASE("op table: gradients element by element (AD.1) (AD.2) (AD.5)") {
  check_element_by_element(Device::cpu, 0);
}

// Some elements of each input: test_op_devices.cpp compares them all with the CPU's.
TEST_CASE("op table: gradients element by element on CUDA (AD.5)") {
  if constexpr (kCuda) check_element_by_element(Device::cuda, 12);
}

TEST_CASE("op table: gradients along random directions") {
  for_each_case([](const OpRow& row, const OpCase& c) {
    const Tensors inputs = make_inputs(row, c);
    const Arrays x = to_arrays(inputs);
    const Shape y_shape = c.run(constants(inputs)).shape();
    const Tensor dy = normal_numbers("upstream gradient", y_shape);
    const Result result = differentiate(c.run, leaves(c, inputs), dy);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (c.inputs[i].is_constant) continue;
      const Array u(normal_numbers("direction", inputs[i].shape()));
      const Array gradient(result.gradients[i]);
      const double h = 1e-5 / std::max(1.0, u.largest());
      const Slope expected = directional(c, x, i, u.values, Array(dy), h);
      const double got = dot(gradient.values, u.values);
      // The errors of the gradient's elements add up as a random walk; the difference is off by
      // h^2 = 1e-10 of the third derivative.
      const double scale = std::max(1.0, gradient.largest()) * std::sqrt(dot(u.values, u.values));
      const double relative = gradient_tolerance(c, i, y_shape.count()) + 1e-9 * c.conditioning;
      const double allowed = relative * scale + expected.error;
      INFO("input ", i, ": got ", got, ", expected ", expected.value, ", allowed error ", allowed);
      CHECK(std::fabs(got - expected.value) <= allowed);
    }
  });
}

TEST_CASE("op table: a gradient is the same whether others are wanted or not") {
  for_each_case([](const OpRow& row, const OpCase& c) {
    const Tensors inputs = make_inputs(row, c);
    const Result all = differentiate(c, inputs);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (c.inputs[i].is_constant) continue;
      std::vector<Variable> only = constants(inputs);
      only[i] = Variable(inputs[i], true);
      Result expected{all.value, Tensors(inputs.size())};
      expected.gradients[i] = all.gradients[i];
      CHECK(different_bits(differentiate(c.run, only), expected) == "");
    }
  });
}

}  // namespace ink::test
