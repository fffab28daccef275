// Chapter 3 of the derivations: pointwise functions, softmax, dropout, the maximum.
#include <numbers>

#include "autograd/gradcheck.h"
#include "tests/support/derivations.h"

namespace ink::test {
namespace {

// f of every element, in double.
template <class F>
Tensor each(const Tensor& x, const F& f) {
  std::vector<Real> values = x.to_vector();
  for (Real& value : values) value = static_cast<Real>(f(static_cast<double>(value)));
  return Tensor::from(values, x.shape());
}

double sigma(double x) { return 1 / (1 + std::exp(-x)); }

// -6, -5.75, ..., 6.
Tensor points() { return (Tensor::arange(0, 49) - 24) / 4; }

using Function = Variable (*)(const Variable&);

// Checks f'(x) against central differences, element by element.
void check_derivative(const char* name, Function f, const Tensor& x) {
  CHECK_NOTHROW(
      check_gradients(name, [f](const std::vector<Variable>& in) { return f(in[0]); }, {x}));
}

Tensor derivative(Function f, const Tensor& x) { return vjp(f, x, Tensor::ones(x.shape())); }

}  // namespace

TEST_SUITE_BEGIN("derivations");

TEST_CASE("(ACT.1) (ACT.2) the sigmoid and its derivative y (1 - y)") {
  const Tensor x = points();
  check_close(sigmoid(x).value(), each(x, sigma), rounding(4), "y");
  check_close(sigmoid(x).value() + sigmoid(-x).value(), Tensor::ones({49}), rounding(4), "sum");
  const auto slope = [](double v) { return sigma(v) * sigma(-v); };  // 1 - sigma(v) = sigma(-v)
  check_close(derivative(sigmoid, x), each(x, slope), rounding(4), "dx");
  check_derivative("sigmoid", sigmoid, x);
  CHECK(equal(sigmoid(Tensor::from({-1e4, 1e4}, {2})).value(), Tensor::from({0, 1}, {2})));
}

TEST_CASE("(ACT.3) (ACT.4) SiLU and its derivative") {
  const Tensor x = points();
  check_close(silu(x).value(), each(x, [](double v) { return v * sigma(v); }), rounding(4), "y");
  const auto slope = [](double v) { return sigma(v) + v * sigma(v) * sigma(-v); };
  check_close(derivative(silu, x), each(x, slope), rounding(8), "dx");
  check_derivative("silu", silu, x);
}

TEST_CASE("(ACT.4) mistake: half of the product rule") {
  const Tensor x = points(), right = derivative(silu, x);
  check_wrong(each(x, [](double v) { return sigma(v) * sigma(-v); }), right);
  check_wrong(each(x, sigma), right);
}

TEST_CASE("(ACT.5) softmax is a distribution that no common shift changes") {
  const Tensor x = Random(1).normal({5, 9}, 0, 3);
  const Tensor y = softmax(x);
  check_close(sum(y, {1}), Tensor::ones({5}), rounding(9), "sum of a row");
  const Tensor e = each(x, [](double v) { return std::exp(v); });
  check_close(y, e / sum(e, {1}, true), rounding(20), "y");
  check_close(softmax(x + 64), y, rounding(64 * 64), "shifted");
}

TEST_CASE("(ACT.5) mistake: exponentials without the shift") {
  const Tensor x = Tensor::from({1000, 999}, {1, 2});
  CHECK_FALSE(all_finite(exp(x) / sum(exp(x), {1}, true)));
  check_close(softmax(x), Tensor::from({sigma(1), sigma(-1)}, {1, 2}), rounding(4));
}

TEST_CASE("(ACT.6) the VJP of softmax is y (dy - <dy, y>)") {
  Random random(2);
  const Tensor x = random.normal({4, 7}), dy = random.normal({4, 7});
  const Tensor y = softmax(x), dx = vjp([](const Variable&v) { return softmax(v); }, x, dy);
  check_close(dx, y * (dy - sum(dy * y, {1}, true)), rounding(14), "dx");
  // By the Jacobian y_i ([i = j] - y_j), written out.
  for (Index r = 0; r < 4; ++r) {
    for (Index j = 0; j < 7; ++j) {
      double expected = 0;
      for (Index i = 0; i < 7; ++i) {
        expected += static_cast<double>(dy.at({r, i}) * y.at({r, i})) *
                    ((i == j ? 1.0 : 0.0) - static_cast<double>(y.at({r, j})));
      }
      check_near(dx.at({r, j}), expected, rounding(14), "dx");
    }
  }
  CHECK(norm(sum(dx, {1})) <= rounding(14) * norm(dx));
  check_gradients("softmax", [](const std::vector<Variable>& in) { return softmax(in[0]); }, {x});
}

TEST_CASE("(ACT.6) mistake: the diagonal of the Jacobian alone") {
  Random random(3);
  const Tensor x = random.normal({4, 7}), dy = random.normal({4, 7}), y = softmax(x);
  const Tensor right = vjp([](const Variable& v) { return softmax(v); }, x, dy);
  check_wrong(y * (1 - y) * dy, right);
}

TEST_CASE("(ACT.7) the logarithm of a sum of exponentials, without overflow") {
  // One query against n keys of one channel: the scores are q times the keys.
  const Tensor keys = Random(4).normal({1, 9, 1}, 0, 3);
  double total = 0, largest = -1e300;
  for (const Real k : keys.to_vector()) {
    total += std::exp(static_cast<double>(k));
    largest = std::max(largest, static_cast<double>(k));
  }
  double shifted = 0;
  for (const Real k : keys.to_vector()) shifted += std::exp(static_cast<double>(k) - largest);
  check_near(largest + std::log(shifted), std::log(total), 1e-12, "shifted");
  CHECK(std::log(total) >= largest);
  CHECK(std::log(total) <= largest + std::log(9.0));
  // y = exp(x - logsumexp), as the backward pass of attention computes it.
  const Tensor x = keys.reshape({1, 9});
  const Tensor y = each(x, [&](double v) { return std::exp(v - std::log(total)); });
  check_close(softmax(x), y, rounding(20), "y");
  // Scores near 1000 come through attention unharmed.
  const Tensor one = Tensor::ones({1, 1, 1}), v = keys + 1000;
  check_close(attention(one, v, keys, 1).value().reshape({1, 1}), matmul(y, x, false, true),
              rounding(1000 * 1000), "attention");
}

TEST_CASE("(ACT.8) (ACT.9) GELU and its derivative") {
  const Tensor x = points();
  const auto cdf = [](double v) { return std::erfc(-v / std::numbers::sqrt2) / 2; };
  const auto density = [](double v) {
    return std::exp(-v * v / 2) / std::sqrt(2 * std::numbers::pi);
  };
  check_close(gelu(x).value(), each(x, [&](double v) { return v * cdf(v); }), rounding(4), "y");
  check_close(derivative(gelu, x), each(x, [&](double v) { return cdf(v) + v * density(v); }),
              rounding(8), "dx");
  check_derivative("gelu", gelu, x);
  // The distribution function is the integral of the density: Simpson's rule from -12 to 1, whose
  // error is h^4 / 180 times the difference of the third derivatives at the ends, 1e-13.
  const double h = 13.0 / 5200;
  double integral = density(-12) + density(1);
  for (int i = 1; i < 5200; ++i) integral += (i % 2 == 1 ? 4 : 2) * density(-12 + i * h);
  check_near(integral * h / 3, cdf(1), 1e-12, "integral");
}

TEST_CASE("(ACT.10) the derivatives of the other pointwise functions") {
  const Tensor x = points(), above = Tensor::arange(1, 20) / 4, off = x + Real(0.125);
  check_derivative("exp", exp, x / 4);
  check_derivative("log", log, above);
  check_derivative("sqrt", sqrt, above);
  check_derivative("square", square, x);
  check_derivative(
      "pow", [](const Variable& v) { return pow(v, Real(1.5)); }, above);
  check_derivative("reciprocal", reciprocal, above);
  check_derivative("sin", sin, x);
  check_derivative("cos", cos, x);
  check_derivative("tanh", tanh, x);
  check_derivative("abs", abs, off);
  check_derivative("relu", relu, off);
  check_derivative(
      "clamp", [](const Variable& v) { return clamp(v, -1, 2); }, off);
  check_gradients("multiply and divide",
                  [](const std::vector<Variable>& in) { return in[0] * in[1] / in[2]; },
                  {x, x + 1, x + 8});
}

TEST_CASE("(ACT.10) mistake: a sign of zero that is not zero") {
  const Real at_zero = derivative(abs, Tensor::zeros({1})).item();
  const double h = 1e-3, difference = (std::fabs(h) - std::fabs(-h)) / (2 * h);
  CHECK(difference == 0);
  CHECK(at_zero == 0);
  const auto wrong = [](Real v) { return v > 0 ? 1 : -1; };
  CHECK(wrong(0) != difference);
}

TEST_CASE("(ACT.11) dropout keeps the mean, and its gradient has the same mask") {
  const Index n = 40000;
  const Tensor x = Tensor::ones({n}), uniform = Random(5).uniform({n});
  const auto f = [&](const Variable& v) { return dropout(v, Real(0.25), uniform); };
  const Tensor y = f(x).value();
  // The variance of an element is p / (1 - p) = 1/3.
  check_near(moments(y).mean, 1, 5 * std::sqrt(1.0 / 3 / n), "mean");
  CHECK(equal(vjp(f, x, x), y));
}

TEST_CASE("(ACT.11) mistake: dropout without the scale") {
  const Index n = 40000;
  const Tensor mask = map(LessThan{Real(0.75)}, Random(5).uniform({n}));
  CHECK(std::fabs(moments(mask).mean - 1) > 0.2);
}

TEST_CASE("(ACT.12) the gradient of the maximum goes to the largest, in equal parts if shared") {
  const Tensor x = Tensor::from({1, 5, 2, 3, 3, 0}, {2, 3}), dy = Tensor::from({2, 8}, {2});
  const Tensor dx = vjp([](const Variable& v) { return max(v, {1}); }, x, dy);
  CHECK(equal(dx, Tensor::from({0, 2, 0, 4, 4, 0}, {2, 3})));
}

TEST_SUITE_END();

}  // namespace ink::test
