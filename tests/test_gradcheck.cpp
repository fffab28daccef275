// The gradient checker finds planted mistakes and says where they are.
#include "autograd/gradcheck.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <limits>

#include "autograd/ops.h"
#include "tensor/ops.h"

namespace ink {
namespace {

using Inputs = std::vector<Variable>;

const Tensor kA = Tensor::from({0.5, -1, 2, 1.5, 0.25, -0.75}, {2, 3});
const Tensor kB = Tensor::from({1, 2, -0.5}, {3});

// a * b with a VJP that multiplies the gradients by these factors.
Variable multiply_wrongly(const Variable& a, const Variable& b, const Tensor& da,
                          const Tensor& db) {
  return record("multiply_wrongly", a.value() * b.value(), {a, b},
                [a = a.value(), b = b.value(), da, db](const Tensor& dy) {
                  return Tensors{dy * b * da, sum_to(dy * a, b.shape()) * db};
                });
}

std::string complaint(const std::function<Variable(const Inputs&)>& f, const Tensors& inputs,
                      const GradientCheckOptions& options = {}) {
  try {
    check_gradients("my_op", f, inputs, options);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("check_gradients: right gradients pass (AD.5)") {
  CHECK(complaint([](const Inputs& x) { return x[0] * x[1]; }, {kA, kB}) == "");
  CHECK(complaint([](const Inputs& x) { return sum(exp(x[0])); }, {kA}) == "");
  // An input that the result does not depend on has no gradient: zero.
  CHECK(complaint([](const Inputs& x) { return x[0] * 2; }, {kA, kB}) == "");
}

TEST_CASE("check_gradients: a wrong one is named with op, input, index, got and expected") {
  Tensor da = Tensor::ones({2, 3});
  da.slice(0, 1, 2).slice(1, 2, 3).fill_(3);
  const auto f = [&](const Inputs& x) {
    return multiply_wrongly(x[0], x[1], da, Tensor::ones({3}));
  };
  const std::string message = complaint(f, {kA, kB});
  CAPTURE(message);
  double got = 0, expected = 0, error = 0, allowed = 0;
  const char* const format =
      "[my_op] the gradient of input 0 at (1,2) is wrong: got %lf, expected %lf (error %lf, "
      "allowed "
      "%lf)";
  REQUIRE(std::sscanf(message.c_str(), format, &got, &expected, &error, &allowed) == 4);
  CHECK(got == doctest::Approx(3 * expected).epsilon(0.05));
  CHECK(error > allowed);
}

TEST_CASE("check_gradients: every input is looked at") {
  const auto f = [&](const Inputs& x) {
    return multiply_wrongly(x[0], x[1], Tensor::ones({2, 3}), Tensor::from({1, -1, 1}, {3}));
  };
  CHECK(complaint(f, {kA, kB}).starts_with("[my_op] the gradient of input 1 at (1) is wrong: "));
}

TEST_CASE("check_gradients: a missing gradient and NaN are wrong") {
  const auto missing = [](const Inputs& x) {
    return record("forgetful", x[0].value() * 2, {x[0]}, [](const Tensor&) { return Tensors(1); });
  };
  CHECK(complaint(missing, {kB}).find("got 0, expected") != std::string::npos);
  const auto nan = [](const Inputs& x) {
    return record("nan", x[0].value() * 2, {x[0]}, [](const Tensor& dy) {
      return Tensors{dy * std::numeric_limits<Real>::quiet_NaN()};
    });
  };
  CHECK(complaint(nan, {kB}).find("got nan, expected") != std::string::npos);
}

TEST_CASE("check_gradients: step and tolerance may be chosen") {
  // Off by 5 %.
  const auto f = [](const Inputs& x) {
    return record("off", x[0].value() * 2, {x[0]},
                  [](const Tensor& dy) { return Tensors{dy * Real(2.1)}; });
  };
  CHECK(complaint(f, {kB}) != "");
  CHECK(complaint(f, {kB}, {.step = 1e-2, .tolerance = 0.2}) == "");
  CHECK(complaint(f, {kB}, {.step = 1e-2, .tolerance = 0.02, .seed = 5}) != "");
}

TEST_CASE("check_gradients: some elements may stand for all") {
  const auto wrong_at = [](Index element) {
    return [element](const Inputs& x) {
      Tensor da = Tensor::ones({2, 3});
      da.reshape({6}).slice(0, element, element + 1).fill_(3);
      return multiply_wrongly(x[0], x[1], da, Tensor::ones({3}));
    };
  };
  // Two of six: the first and the fourth.
  CHECK(complaint(wrong_at(3), {kA, kB}, {.elements = 2}) != "");
  CHECK(complaint(wrong_at(4), {kA, kB}, {.elements = 2}) == "");
  CHECK(complaint(wrong_at(4), {kA, kB}, {.elements = 6}) != "");
}

TEST_CASE("check_gradients: leaves the inputs as they were, and records nothing of its own") {
  const Tensor x = kB.clone();
  const std::uint64_t version = x.version();
  check_gradients("square", [](const Inputs& in) { return square(in[0]); }, {x});
  CHECK(x.version() == version);
  CHECK(equal(x, kB));
  CHECK(grad_enabled());
}

}  // namespace ink
