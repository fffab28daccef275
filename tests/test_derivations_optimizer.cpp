// Chapter 9 of the derivations: AdamW, the moving average, clipping, the learning rate.
#include <numbers>

#include "nn/optim/adamw.h"
#include "nn/optim/ema.h"
#include "tensor/optimizer.h"
#include "tests/support/derivations.h"

namespace ink::test {
namespace {

using nn::AdamW;
using nn::AdamWOptions;
using nn::Parameters;

constexpr Index kCount = 5;

// One parameter of kCount elements.
Parameters parameters_at(const Tensor& value) {
  Parameters parameters;
  parameters.add("w", value.shape(), nn::zeros());
  parameters.allocate(Random(1));
  parameters.values().copy_(value);
  return parameters;
}

// By how much one step of learning rate 1 moves parameters at `value`.
Tensor first_step(const Tensor& value, const Tensor& gradient, const AdamWOptions& options) {
  Parameters parameters = parameters_at(value);
  parameters.gradients().copy_(gradient);
  AdamW(parameters, options).step(1);
  return parameters.values() - value;
}

// (OPT.1) to (OPT.4) for one parameter, in double.
struct Reference {
  double theta, m = 0, v = 0;
  int k = 0;

  void step(double g, double rate, double decay) {
    ++k;
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    const double m_hat = m / (1 - std::pow(0.9, k)), v_hat = v / (1 - std::pow(0.999, k));
    theta -= rate * (m_hat / (std::sqrt(v_hat) + 1e-8) + decay * theta);
  }
};

Tensor full(double value) { return Tensor::full({kCount}, static_cast<Real>(value)); }

// The weight of the start in an average with warmed-up decays: 10! / ((k + 2) ... (k + 10)).
double weight_of_start(Index k) {
  double product = 1;
  for (Index j = 2; j <= 10; ++j) product *= static_cast<double>(j) / static_cast<double>(k + j);
  return product;
}

}  // namespace

TEST_SUITE_BEGIN("derivations");

TEST_CASE("(OPT.1) (OPT.2) (OPT.3) (OPT.4) twenty steps of AdamW, written out") {
  Random random(1);
  const Tensor start = random.normal({kCount});
  Parameters parameters = parameters_at(start);
  AdamW optimizer(parameters, {.weight_decay = Real(0.1)});
  std::vector<Reference> expected;
  for (const Real value : start.to_vector()) expected.push_back({static_cast<double>(value)});
  // The betas are rounded to Real, which moves 1 - 0.999 by a relative 500 roundings.
  const double tolerance = 1000 * kEpsilonOfReal;
  for (int step = 0; step < 20; ++step) {
    const Tensor g = random.normal({kCount});
    parameters.gradients().copy_(g);
    optimizer.step(Real(0.01));
    std::vector<Real> theta, m, v;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      expected[i].step(static_cast<double>(g.to_vector()[i]), 0.01, 0.1);
      theta.push_back(static_cast<Real>(expected[i].theta));
      m.push_back(static_cast<Real>(expected[i].m));
      v.push_back(static_cast<Real>(expected[i].v));
    }
    check_close(parameters.values(), Tensor::from(theta, {kCount}), tolerance, "theta");
    check_close(optimizer.moment1(), Tensor::from(m, {kCount}), tolerance, "m");
    check_close(optimizer.moment2(), Tensor::from(v, {kCount}), tolerance, "v");
  }
}

TEST_CASE("(OPT.3) the corrected moments of a constant gradient are the gradient and its square") {
  const Tensor g = Random(2).normal({kCount});
  Parameters parameters = parameters_at(full(0));
  AdamW optimizer(parameters, {.epsilon = 0});
  for (int k = 1; k <= 50; ++k) {
    parameters.gradients().copy_(g);
    optimizer.step(Real(0.01));
    const double correction1 = 1 - std::pow(0.9, k), correction2 = 1 - std::pow(0.999, k);
    check_close(optimizer.moment1() / static_cast<Real>(correction1), g, 1000 * kEpsilonOfReal);
    check_close(optimizer.moment2() / static_cast<Real>(correction2), square(g),
                1000 * kEpsilonOfReal);
  }
  // So every step is the learning rate, against the sign of the gradient.
  check_close(parameters.values(), map(Sign{}, g) * Real(-0.5), 1000 * kEpsilonOfReal);
}

TEST_CASE("(OPT.3) mistake: the moments without their correction") {
  check_close(first_step(full(0), full(3), {.epsilon = 0}), full(-1), 1000 * kEpsilonOfReal);
  const double g = 3, m = 0.1 * g, v = 0.001 * g * g;
  CHECK(m / std::sqrt(v) > 3.1);
}

TEST_CASE("(OPT.3) mistake: counting from zero") {
  Tensor theta = full(0), m = full(0), v = full(0);
  AdamWStep step{.learning_rate = 1,
                 .beta1 = Real(0.9),
                 .beta2 = Real(0.999),
                 .epsilon = Real(1e-8),
                 .weight_decay = 0,
                 .correction1 = 0,  // 1 - 0.9^0
                 .correction2 = 0};
  adamw_(theta, m, v, full(3), Tensor::scalar(3), step);
  CHECK_FALSE(all_finite(theta));
}

TEST_CASE("(OPT.4) the decay takes the same share of a parameter, whatever its gradient") {
  for (const double g : {1e-3, 1.0, 1e3}) {
    const Tensor moved = first_step(full(3), full(g), {.weight_decay = Real(0.1)});
    check_close(moved, full(-1 - 0.1 * 3), 1000 * kEpsilonOfReal + 1e-8 / g);
  }
  check_close(first_step(full(3), full(0), {.weight_decay = Real(0.1)}), full(-0.3), rounding(4));
}

TEST_CASE("(OPT.4) mistake: the decay in the gradient") {
  // Adam without decay, on the gradient of loss + 0.05 theta^2.
  const auto wrong = [](double theta, double g) {
    return first_step(full(theta), full(g + 0.1 * theta), {});
  };
  // Under a large gradient it is gone, and without one the step is 1, not 0.3.
  check_close(wrong(3, 1e3), first_step(full(3), full(1e3), {}), 1000 * kEpsilonOfReal);
  check_wrong(wrong(3, 1e3), full(-1.3));
  check_wrong(wrong(3, 0), full(-0.3));
}

TEST_CASE("(OPT.5) the average is a weighted mean of all parameters so far") {
  Random random(3);
  Parameters parameters = parameters_at(random.normal({kCount}));
  nn::Ema ema(parameters, Real(0.6));  // reached at k = 12.5
  Tensor expected = parameters.values().clone();
  double weights = 1;
  for (int k = 1; k <= 30; ++k) {
    parameters.values().copy_(random.normal({kCount}));
    ema.update();
    const double d = std::min(0.6, (k + 1.0) / (k + 10.0));
    expected = expected * static_cast<Real>(d) + parameters.values() * static_cast<Real>(1 - d);
    weights = d * weights + (1 - d);
    check_close(ema.average(), expected, rounding(30), "average");
    check_near(weights, 1, 1e-12, "sum of the weights");
  }
}

TEST_CASE("(OPT.8) the start has the weight 10! / ((K + 2) ... (K + 10))") {
  Parameters parameters = parameters_at(full(1));
  nn::Ema ema(parameters, Real(0.9999));
  parameters.values().fill_(0);
  for (Index k = 1; k <= 100; ++k) {
    ema.update();
    check_close(ema.average(), full(weight_of_start(k)), rounding(static_cast<double>(k)));
  }
  CHECK(weight_of_start(3) < 0.015);
  CHECK(weight_of_start(100) < 3e-12);
  // The later weights (1 - d_k) d_(k + 1) ... d_K have their mean at nine tenths of the run.
  double mean = 0;
  for (Index k = 1; k <= 1000; ++k) {
    const double share = 9 / static_cast<double>(k + 10);
    mean += share * weight_of_start(1000) / weight_of_start(k) * static_cast<double>(k);
  }
  check_near(mean / 1000, 0.9, 0.01, "mean age");
}

TEST_CASE("(OPT.8) mistake: a decay without warm-up") {
  Parameters parameters = parameters_at(full(1));
  Tensor average = parameters.values().clone();
  parameters.values().fill_(0);
  for (int k = 0; k < 665; ++k) ema_(average, parameters.values(), Real(0.9999));
  CHECK(average.at({0}) > Real(0.93));
  CHECK(weight_of_start(665) < 1e-18);
}

TEST_CASE("(OPT.5) mistake: averaging the buffers too") {
  // A weight w that jitters about 1; the variance w^2 of what it makes of inputs of variance 1, as
  // batch normalisation keeps it in a buffer; and a counter of steps. All three averaged alike.
  Parameters parameters = parameters_at(full(1));
  nn::Ema ema(parameters, Real(0.99));
  for (int k = 1; k <= 2000; ++k) {
    const double w = k % 2 == 0 ? 1.5 : 0.5;
    parameters.values().copy_(Tensor::from({w, w * w, static_cast<double>(k), 0, 0}, {kCount}));
    ema.update();
  }
  const auto average = [&](Index i) { return static_cast<double>(ema.average().at({i})); };
  check_near(average(0), 1, 0.01, "the averaged weight");
  // Its outputs have the variance 1; by the averaged buffer they would be divided by 1.25.
  check_near(average(1), 1.25, 0.01, "the mean of the squares");
  CHECK(std::fabs(average(0) * average(0) - average(1)) > 0.2);
  // The counter lags behind by a hundred steps.
  CHECK(average(2) < 1905);
}

TEST_CASE("(OPT.6) the learning rate rises, stays, and falls along half a cosine") {
  const nn::LearningRate rate{.peak = Real(0.5), .warmup = 10, .decay_start = 30, .total = 50};
  for (Index k = 0; k < 10; ++k) {
    check_near(rate.at(k), 0.05 * static_cast<double>(k + 1), rounding(), "rising");
  }
  for (Index k = 10; k <= 30; ++k) CHECK(rate.at(k) == Real(0.5));
  for (Index k = 30; k < 50; ++k) {
    const double share = static_cast<double>(k - 30) / 20;
    check_near(rate.at(k), 0.25 * (1 + std::cos(std::numbers::pi * share)), rounding(), "falling");
  }
  CHECK(rate.at(40) == doctest::Approx(0.25));
  CHECK(rate.at(50) == 0);
}

TEST_CASE("(OPT.7) clipping shortens the gradient and keeps its direction") {
  Random random(4);
  const Tensor g = random.normal({kCount}, 0, 10);
  for (const double limit : {1.0, 1e6}) {
    Parameters parameters = parameters_at(full(0));
    parameters.gradients().copy_(g);
    AdamW optimizer(parameters, {.max_gradient_norm = static_cast<Real>(limit)});
    check_near(optimizer.step(1).item(), norm(g), rounding(kCount) * norm(g),
               "norm before clipping");
    const double scale = std::min(1.0, limit / (norm(g) + 1e-6));
    const Tensor clipped = optimizer.moment1() / (1 - Real(0.9));
    check_close(clipped, g * static_cast<Real>(scale), rounding(16), "clipped");
  }
}

TEST_CASE("(OPT.7) mistake: clipping each element") {
  const Tensor g = Tensor::from({10, 1, 0, 0, 0}, {kCount});
  const Tensor each = clamp(g, -1, 1);
  const double cosine = inner(each, g) / (norm(each) * norm(g));
  CHECK(cosine < 0.8);
}

TEST_SUITE_END();

}  // namespace ink::test
