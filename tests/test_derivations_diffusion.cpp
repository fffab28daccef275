// Chapters 15 and 16 of the derivations: the forward process and its posterior.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "tests/support/diffusion.h"

namespace ink::test {
namespace {

// x_t = signal x_0 + noise, where the noise has this variance, after the steps s + 1 ... t of
// x <- keep(beta) x + add(beta) z.
struct Marginal {
  double signal = 1, variance = 0;
};
template <class Keep, class Add>
Marginal walk(const Schedule& schedule, Index s, Index t, const Keep& keep, const Add& add) {
  Marginal x;
  for (Index i = s + 1; i <= t; ++i) {
    const double beta = schedule.beta[at(i)], a = keep(beta), b = add(beta);
    x = {a * x.signal, a * a * x.variance + b * b};
  }
  return x;
}
double root(double beta) { return std::sqrt(beta); }
double keep_root(double beta) { return std::sqrt(1 - beta); }

double density(double x, double mean, double variance) {
  return std::exp(-(x - mean) * (x - mean) / (2 * variance)) /
         std::sqrt(2 * std::numbers::pi * variance);
}

}  // namespace

TEST_SUITE_BEGIN("derivations");

// ---- 15. The forward process -----------------------------------------------------------------

TEST_CASE("(FWD.1) (FWD.2) (FWD.3) (FWD.4) t steps are one step") {
  for (const Index t : kTimes) {
    const double alpha_bar = paper().alpha_bar[at(t)];
    const Marginal x = walk(paper(), 0, t, keep_root, root);
    check_near(x.signal, std::sqrt(alpha_bar), 1e-12, "signal");
    check_near(x.variance, 1 - alpha_bar, 1e-12, "variance");
    const Tensor time = number(static_cast<double>(t));
    check_near(q_sample(paper(), number(1), time, number(0)).item(), x.signal,
               kSchedule + rounding());
    check_near(q_sample(paper(), number(0), time, number(1)).item(), root(x.variance),
               kSchedule + rounding());
  }
}

TEST_CASE("(FWD.6) from any time to any later one") {
  for (const Index s : {0, 1, 17, 300}) {
    for (const Index t : {301, 302, 1000}) {
      const double ratio = paper().alpha_bar[at(t)] / paper().alpha_bar[at(s)];
      const Marginal x = walk(paper(), s, t, keep_root, root);
      check_near(x.signal, std::sqrt(ratio), 1e-12, "signal");
      check_near(x.variance, 1 - ratio, 1e-12, "variance");
    }
  }
}

TEST_CASE("(FWD.4) mistake: variance 1 - sqrt(alpha_bar)") {
  const double alpha_bar = paper().alpha_bar[300];
  const double truth = walk(paper(), 0, 300, keep_root, root).variance;
  CHECK(std::fabs(1 - std::sqrt(alpha_bar) - truth) > 0.2);
}

TEST_CASE("(FWD.4) mistake: a root missing in the step") {
  const auto no_root = [](double beta) { return beta; };
  const auto keep = [](double beta) { return 1 - beta; };
  CHECK(walk(paper(), 0, 1000, keep_root, no_root).variance < 0.02);
  check_near(walk(paper(), 0, 1000, keep, root).variance, 0.5, 0.01, "half the variance");
  CHECK(walk(paper(), 0, 300, keep, root).signal < 0.41);
  CHECK(walk(paper(), 0, 300, keep_root, root).signal > 0.62);
}

TEST_CASE("(FWD.3) mistake: an index off by one") {
  // alpha_bar[t - 1] taken for alpha_bar[t]: at t = 1 no noise at all, later too little.
  const Tensor x = q_sample(paper(), number(0), number(1), number(1));
  CHECK(x.item() > Real(0.0099));
  CHECK(1 - paper().alpha_bar[0] == 0);
  CHECK(paper().alpha_bar[9] > paper().alpha_bar[10] * 1.0002);
}

TEST_CASE("(FWD.5) mistake: the ends of 1000 steps for 100") {
  CHECK(Schedule::linear(100).alpha_bar[100] > 0.36);
  CHECK(Schedule::linear(100, 1e-3, 0.2).alpha_bar[100] < 1e-4);
  CHECK(paper().alpha_bar[1000] < std::exp(-10.05));
}

TEST_CASE("(FWD.8) the cosine schedule, clipped, has a falling signal-to-noise ratio (FWD.7)") {
  const auto f = [](Index t) {
    const double c =
        std::cos((static_cast<double>(t) / 100 + 0.008) / 1.008 * std::numbers::pi / 2);
    return c * c;
  };
  const Schedule s = Schedule::cosine(100);
  for (Index t = 1; t <= 99; ++t) check_near(s.alpha_bar[at(t)], f(t) / f(0), 1e-12, "alpha_bar");
  CHECK(s.beta[100] == 0.999);
  CHECK(s.alpha_bar[100] > 0);
  const auto snr = [&](Index t) { return s.alpha_bar[at(t)] / (1 - s.alpha_bar[at(t)]); };
  for (Index t = 2; t <= 100; ++t) CHECK(snr(t) < snr(t - 1));
}

// ---- 16. The posterior -----------------------------------------------------------------------

TEST_CASE("(POST.1) (POST.2) (POST.3) Bayes' rule, by integration") {
  const Schedule s = Schedule::linear(20, 0.02, 0.3);
  for (const Index t : {2, 5, 20}) {
    const double x0 = 0.75, x_t = -0.5, before = s.alpha_bar[at(t - 1)], now = s.alpha_bar[at(t)];
    double total = 0, first = 0, second = 0;
    constexpr double kStep = 1e-3;  // the trapezoid rule is exact to rounding for such densities
    for (int i = -12'000; i <= 12'000; ++i) {
      const double u = i * kStep;
      const double p = kStep * density(x_t, std::sqrt(s.alpha[at(t)]) * u, s.beta[at(t)]) *
                       density(u, std::sqrt(before) * x0, 1 - before) /
                       density(x_t, std::sqrt(now) * x0, 1 - now);
      total += p, first += p * u, second += p * u * u;
    }
    check_near(total, 1, 1e-12, "the denominator of Bayes' rule");
    const Posterior got = q_posterior(s, number(x0), number(x_t), t);
    check_near(got.mean.item(), first, kSchedule + rounding(), "mean");
    check_near(got.variance, second - first * first, 1e-12, "variance");
  }
}

// The factors of x_t and x_0 in the posterior's mean.
struct Factors {
  double of_x_t, of_x0;
};
Factors factors(const Schedule& s, Index t) {
  return {static_cast<double>(q_posterior(s, number(0), number(1), t).mean.item()),
          static_cast<double>(q_posterior(s, number(1), number(0), t).mean.item())};
}

TEST_CASE("(POST.2) (POST.3) forth and back again keeps the marginal") {
  for (const Index t : kTimes) {
    const double before = paper().alpha_bar[at(t - 1)], now = paper().alpha_bar[at(t)];
    const Factors of = factors(paper(), t);
    check_near(of.of_x0 + of.of_x_t * std::sqrt(now), std::sqrt(before), kSchedule + rounding(),
               "x_0");
    check_near(paper().beta_tilde[at(t)] + of.of_x_t * of.of_x_t * (1 - now), 1 - before,
               kSchedule + rounding(), "variance");
  }
  CHECK(paper().beta_tilde[1] == 0);
  check_near(factors(paper(), 1).of_x0, 1, kSchedule + rounding(), "x_0 at t = 1");
}

TEST_CASE("(POST.4) (POST.6) any two of x_0, x_t and eps give the third") {
  const StepInput in(1);
  for (const Index t : kTimes) {
    const Tensor x_t = q_sample(paper(), in.x, Tensor::full({50}, static_cast<Real>(t)), in.eps);
    const double now = paper().alpha_bar[at(t)];
    // What divides also magnifies the rounding of x_t.
    check_close(predict_x0(paper(), x_t, t, in.eps), in.x, kSchedule + rounding(2) / std::sqrt(now),
                "x_0");
    check_close(predict_eps(paper(), x_t, t, in.x), in.eps,
                kSchedule + rounding(2) / std::sqrt(1 - now), "eps");
  }
}

TEST_CASE("(POST.5) the mean in terms of the noise") {
  const StepInput in(2);
  for (const Index t : kTimes) {
    const Tensor x0 = predict_x0(paper(), in.x, t, in.eps);
    check_close(mean_of_noise(t, in, weight_of_noise(t)), q_posterior(paper(), x0, in.x, t).mean,
                kSchedule + rounding(6));
  }
}

TEST_CASE("(POST.2) mistake: beta without the tilde") {
  CHECK(paper().beta_tilde[2] < 0.46 * paper().beta[2]);
  CHECK(paper().beta_tilde[100] > 0.98 * paper().beta[100]);
  // Forth and back again: the variance of x_1 comes out as 1 - alpha_bar_1 with the tilde alone.
  const double of_x_t = factors(paper(), 2).of_x_t, spread = 1 - paper().alpha_bar[2];
  const auto back = [&](double variance) { return variance + of_x_t * of_x_t * spread; };
  const double truth = 1 - paper().alpha_bar[1];
  check_near(back(paper().beta_tilde[2]), truth, 1e-6 * truth, "with the tilde");
  CHECK(back(paper().beta[2]) > 1.6 * truth);
}

TEST_CASE("(POST.3) mistake: an index off by one") {
  const double now = paper().alpha_bar[1000], before = paper().alpha_bar[999];
  const double wrong = std::sqrt(now) * paper().beta[1000] / (1 - now);
  const double of_x_t = factors(paper(), 1000).of_x_t;
  CHECK(std::fabs(wrong + of_x_t * std::sqrt(now) - std::sqrt(before)) > 1e-7);
  check_near(wrong / factors(paper(), 1000).of_x0, std::sqrt(0.98), 1e-6, "an error of 1 %");
}

TEST_CASE("(POST.5) mistake: all noise taken away in one step") {
  const StepInput in(3);
  const auto mean = [&](Index t) {
    return q_posterior(paper(), predict_x0(paper(), in.x, t, in.eps), in.x, t).mean;
  };
  check_close(mean_of_noise(1, in, std::sqrt(paper().beta[1])), mean(1), kSchedule + rounding(6));
  check_wrong(mean_of_noise(1000, in, std::sqrt(paper().beta[1000])), mean(1000));
  CHECK(std::sqrt(paper().beta[1000]) > 7 * weight_of_noise(1000));
}

TEST_SUITE_END();

}  // namespace ink::test
