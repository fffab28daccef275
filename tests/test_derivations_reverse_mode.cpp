// Chapter 2 of the derivations: the chain rule on a tape, its cost, and checks by differences.
#include <functional>
#include <limits>

#include "autograd/gradcheck.h"
#include "tests/support/derivations.h"

namespace ink::test {
namespace {

// x + x by an op of its own, which counts how often its VJP runs.
Variable doubled(const Variable& x, int& visits) {
  return record("doubled", x.value() + x.value(), {x, x}, [&visits](const Tensor& dy) {
    ++visits;
    return Tensors{dy, dy};
  });
}

void check_ids(const Node& node) {
  for (const auto& input : node.inputs) {
    if (input == nullptr) continue;
    CHECK(input->id < node.id);
    check_ids(*input);
  }
}

// The root of the mean of squares of error(x) over a hundred x from 1 to 2.
double rms(const std::function<double(double)>& error) {
  double squares = 0;
  for (int i = 0; i < 100; ++i) squares += std::pow(error(1 + (i + 0.5) / 100), 2);
  return std::sqrt(squares / 100);
}

// Differences of the exponential function, whose derivatives all equal it, in double. They divide
// by the step that was made, which is h rounded.
double central(double x, double h) {
  const double above = x + h, below = x - h;
  return (std::exp(above) - std::exp(below)) / (above - below);
}
double one_sided(double x, double h) {
  const double above = x + h;
  return (std::exp(above) - std::exp(x)) / (above - x);
}
double central_error(double h) {
  return rms([h](double x) { return central(x, h) - std::exp(x); });
}

}  // namespace

TEST_SUITE_BEGIN("derivations");

TEST_CASE("(AD.1) a gradient is the product of the transposed Jacobians, from the left") {
  // L = <c, sin(B tanh(A x))>, with the Jacobians written out.
  Random random(1);
  const Tensor a = random.normal({4, 5}), b = random.normal({3, 4}), c = random.normal({3, 1});
  const Tensor x = random.normal({5, 1});
  const auto f = [&](const Variable& v) { return sin(matmul(b, tanh(matmul(a, v)))); };
  const Tensor hidden = tanh(Variable(matmul(a, x))).value();
  const Tensor of_sin = cos(matmul(b, hidden)) * c;                              // diag(cos) c
  const Tensor of_tanh = (1 - square(hidden)) * matmul(b, of_sin, true, false);  // diag B^T ...
  check_close(vjp(f, x, c), matmul(a, of_tanh, true, false), rounding(60), "dx");
}

TEST_CASE("(AD.2) the uses of a value add up") {
  Random random(2);
  const Tensor x = random.normal({6});
  const Variable v(x, true);
  const auto once = [&] { sum(v * v + v * sin(v)).backward(); };
  once();
  const Tensor expected = 2 * x + sin(x) + x * cos(x);
  check_close(v.gradient(), expected, rounding(4), "dx");
  // And over several walks, until someone zeroes the gradient.
  once();
  check_close(v.gradient(), 2 * expected, rounding(4), "dx twice");
}

TEST_CASE("(AD.2) mistake: the last use replaces the others") {
  const Tensor x = Random(3).normal({6});
  const Tensor right = vjp([](const Variable& v) { return v * v; }, x, Tensor::ones({6}));
  CHECK(equal(right, 2 * x));
  check_wrong(x, right);  // what one of the two inputs of the product would leave
}

TEST_CASE("(AD.3) inputs are older than what is made of them") {
  Random random(4);
  const Variable x(random.normal({2, 4, 4, 3}), true), w(random.normal({3, 3, 3, 3}), true);
  const Variable h = silu(conv2d(x, w, {.padding = 1}));
  const Variable y = sum((h + x) * slice(concat({h, x}, 3), 3, 0, 3));
  check_ids(*y.node());
}

TEST_CASE("(AD.3) mistake: passing on before the gradient is complete") {
  // y = a + a with a = 2 x. On each arrival, a passes on all it has.
  double of_a = 0, of_x = 0;
  const auto arrive_at_a = [&](double share) {
    of_a += share;
    of_x += 2 * of_a;
  };
  arrive_at_a(1);
  arrive_at_a(1);
  CHECK(of_x == 6);
  const auto f = [](const Variable& x) {
    const Variable a = x * Real(2);
    return a + a;
  };
  CHECK(vjp(f, Tensor::scalar(1), Tensor::scalar(1)).item() == 4);
}

TEST_CASE("(AD.4) each node is visited once, on however many paths") {
  int visits = 0;
  const Variable x(Tensor::scalar(1), true);
  Variable y = x;
  for (int i = 0; i < 40; ++i) y = doubled(y, visits);
  y.backward();
  CHECK(visits == 40);
  CHECK(x.gradient().item() == static_cast<Real>(0x1p40));
}

TEST_CASE("(AD.5) a central difference errs by h^2 f''' / 6") {
  for (const double h : {1e-1, 1e-2, 1e-3}) {
    const double error = central(1, h) - std::exp(1.0);
    // The next term of Taylor's series is h^4 / 120; rounding adds a few epsilon / h.
    const double allowed = h * h * h * h / 100 * std::exp(1.0) + 1e-15 / h;
    check_near(error, h * h / 6 * std::exp(1.0), allowed, "error of the difference");
  }
}

TEST_CASE("(AD.5) mistake: a one-sided difference") {
  const double epsilon = 0x1p-53;
  const double best = central_error(std::cbrt(3 * epsilon));
  const double h = 2 * std::sqrt(epsilon);  // its own best step
  const double wrong = rms([h](double x) { return one_sided(x, h) - std::exp(x); });
  CHECK(best < 1e-9);
  CHECK(wrong > 100 * best);
}

TEST_CASE("(AD.6) the best step is (3 epsilon f / f''')^(1/3)") {
  const double epsilon = 0x1p-53;
  const double h = std::cbrt(3 * epsilon);  // f''' = f
  // The bound, for f = e^2 at most; the values of exp are rounded a little more than once.
  CHECK(central_error(h) < 2 * std::exp(2.0) * std::pow(3 * epsilon, 2.0 / 3) / 2);
  CHECK(central_error(30 * h) > 30 * central_error(h));
  CHECK(central_error(h / 300) > 30 * central_error(h));
}

TEST_CASE("(AD.6) mistake: the smaller the step the better") {
  CHECK(central_error(1e-13) > 1e6 * central_error(6e-6));
}

TEST_CASE("(AD.5) (AD.6) the checker finds a VJP that is wrong, and passes one that is right") {
  const Tensor x = Tensor::from({0.5, -1.25, 2}, {3});
  const auto square_with = [](Real factor) {
    return [factor](const std::vector<Variable>& in) {
      return record(
          "square_with", square(in[0].value()), {in[0]},
          [factor, v = in[0].value()](const Tensor& dy) { return Tensors{factor * v * dy}; });
    };
  };
  CHECK_NOTHROW(check_gradients("square_with", square_with(2), {x}));
  CHECK_THROWS_AS(check_gradients("square_with", square_with(1), {x}), Error);
}

TEST_SUITE_END();

}  // namespace ink::test
