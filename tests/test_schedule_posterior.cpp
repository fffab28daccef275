// q(x_{t-1} | x_t, x_0), and the ways between x_0, eps and x_t.
#include "diffusion/schedule.h"
#include "tensor/random.h"
#include "tests/support/close.h"
#include "tests/support/reference.h"
#include "tests/test_io_support.h"

namespace ink::test {
namespace {

std::size_t at(Index t) { return static_cast<std::size_t>(t); }

double density(double x, double mean, double variance) {
  return std::exp(-(x - mean) * (x - mean) / (2 * variance)) / std::sqrt(variance);
}

// The moments of q(x_{t-1} | x_t, x_0), proportional to q(x_t | x_{t-1}) q(x_{t-1} | x_0), by
// integration over x_{t-1}. (POST.1)
Moments bayes(const Schedule& s, Index t, double x_t, double x0) {
  const double before = s.alpha_bar[at(t - 1)], alpha = s.alpha[at(t)], beta = s.beta[at(t)];
  double weight = 0, first = 0, second = 0;
  for (int i = -20000; i <= 20000; ++i) {  // the trapezoid rule is exact for such densities
    const double x = i * 5e-4;
    const double p =
        density(x_t, std::sqrt(alpha) * x, beta) * density(x, std::sqrt(before) * x0, 1 - before);
    weight += p;
    first += p * x;
    second += p * x * x;
  }
  const double mean = first / weight;
  return {mean, second / weight - mean * mean};
}

}  // namespace

TEST_CASE("q_posterior (POST.1) (POST.2) (POST.3): is Bayes' rule") {
  const Schedule s = Schedule::linear(20, 0.02, 0.3);
  for (const Index t : {2, 5, 12, 20}) {
    for (const double x_t : {-1.3, 0.4}) {
      const double x0 = 0.7;
      CAPTURE(t);
      const Moments expected = bayes(s, t, x_t, x0);
      const Posterior got = q_posterior(s, Tensor::full({1}, static_cast<Real>(x0)),
                                        Tensor::full({1}, static_cast<Real>(x_t)), t);
      check_near(got.mean.item(), expected.mean, 1e-9 + 4 * kEpsilonOfReal, "mean");
      check_near(got.variance, expected.variance, 1e-9, "variance");
    }
  }
}

TEST_CASE("beta_tilde (POST.2): precisions add up, and beta_tilde is not beta") {
  const Schedule s = Schedule::linear();
  CHECK(s.beta_tilde[0] == 0);
  CHECK(s.beta_tilde[1] == 0);
  for (Index t = 2; t <= s.T; ++t) {
    const double precision = s.alpha[at(t)] / s.beta[at(t)] + 1 / (1 - s.alpha_bar[at(t - 1)]);
    CHECK(s.beta_tilde[at(t)] == doctest::Approx(1 / precision).epsilon(1e-11));
    CHECK(s.beta_tilde[at(t)] < s.beta[at(t)]);
  }
  CHECK(s.beta_tilde[2] < 0.6 * s.beta[2]);
}

TEST_CASE("q_posterior (POST.3): both forms of its mean agree") {
  const Schedule s = Schedule::linear();
  Random random(1);
  for (const Index t : {1, 2, 3, 50, 500, 999, 1000}) {
    CAPTURE(t);
    const Tensor x_t = random.normal({50}), eps = random.normal({50});
    const Tensor x0 = predict_x0(s, x_t, t, eps);
    const double alpha = s.alpha[at(t)], beta = s.beta[at(t)];
    const Tensor expected =
        (x_t - eps * static_cast<Real>(beta / std::sqrt(1 - s.alpha_bar[at(t)]))) *
        static_cast<Real>(1 / std::sqrt(alpha));
    check_close(q_posterior(s, x0, x_t, t).mean, expected, 8 * kEpsilonOfReal + kScheduleError);
  }
}

TEST_CASE("q_posterior: at t = 1 it is x_0 itself") {
  const Schedule s = Schedule::linear();
  Random random(1);
  const Tensor x0 = random.normal({9}), x_t = random.normal({9});
  const Posterior posterior = q_posterior(s, x0, x_t, 1);
  check_close(posterior.mean, x0, kEpsilonOfReal + kScheduleError);
  CHECK(posterior.variance == 0);
}

TEST_CASE("diffusers: q_posterior") {
  const Reference reference("ddpm", "q_posterior");
  const Tensor t = reference.stored("t");
  const Schedule s = Schedule::linear();
  for (Index i = 0; i < t.count(); ++i) {
    const auto entry = [&](const char* name) { return reference.stored(name).slice(0, i, i + 1); };
    const auto time = static_cast<Index>(t.at({i}));
    CAPTURE(time);
    const Posterior got = q_posterior(s, entry("x0"), entry("x"), time);
    check_close(got.mean, entry("mean"), kAgainstTorch, "mean");
    const double variance = static_cast<double>(entry("variance").item());
    check_near(got.variance, variance, kAgainstTorch * variance, "variance");
  }
}

// ---- x_0 and eps -----------------------------------------------------------------------------

TEST_CASE("predict_x0 (POST.4), predict_eps: undo q_sample") {
  const Schedule s = Schedule::linear();
  Random random(1);
  const Tensor x0 = random.uniform({4, 3, 3, 1}, -1, 1), eps = random.normal(x0.shape());
  for (const Index t : {1, 10, 400, 1000}) {
    CAPTURE(t);
    const Tensor x_t = q_sample(s, x0, Tensor::full({4}, static_cast<Real>(t)), eps);
    const double signal = std::sqrt(s.alpha_bar[at(t)]), noise = std::sqrt(1 - s.alpha_bar[at(t)]);
    // x_t is rounded to Real; what is a small part of it comes back with that error enlarged.
    const double of_x_t = 8 * kEpsilonOfReal + kScheduleError;
    check_close(predict_x0(s, x_t, t, eps), x0, of_x_t * 4 / signal, "x0");
    check_close(predict_eps(s, x_t, t, x0), eps, of_x_t / noise, "eps");
    const Tensor there = predict_x0(s, x_t, t, eps);
    check_close(predict_eps(s, x_t, t, there), eps, of_x_t / noise, "eps and back");
  }
}

TEST_CASE("posterior: times outside 1..T are refused") {
  const Schedule s = Schedule::linear(10);
  const Tensor x = Tensor::zeros({2});
  check_parts(error_of([&] { (void)q_posterior(s, x, x, 0); }), {"[q_posterior]", "1 to 10", "0"});
  check_parts(error_of([&] { (void)predict_x0(s, x, 11, x); }), {"[predict_x0]", "got 11"});
  check_parts(error_of([&] { (void)predict_eps(s, x, 0, x); }), {"[predict_eps]", "got 0"});
}

}  // namespace ink::test
