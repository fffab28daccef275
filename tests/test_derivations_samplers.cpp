// Chapters 18 and 21 of the derivations: the ancestral sampler and DDIM.
#include <algorithm>
#include <cmath>

#include "tests/support/diffusion.h"
#include "tests/support/gaussian_data.h"

namespace ink::test {

TEST_SUITE_BEGIN("derivations");

// ---- 18. Sampling ----------------------------------------------------------------------------

TEST_CASE("(SAMP.1) (SAMP.3) the step of the paper, and the same by way of x_0") {
  const StepInput in(4);
  for (const Index t : kTimes) {
    for (const Variance variance : {Variance::beta, Variance::beta_tilde}) {
      const auto& variances = variance == Variance::beta ? paper().beta : paper().beta_tilde;
      const double sigma = t == 1 ? 0 : std::sqrt(variances[at(t)]);
      const Tensor expected = mean_of_noise(t, in, weight_of_noise(t)) + scaled(sigma, in.z);
      check_close(p_sample(paper(), in.x, t, in.eps, in.z, variance), expected,
                  kSchedule + rounding(3));
      const AncestralOptions options{.variance = variance};
      check_close(p_sample_x0(paper(), in.x, t, in.eps, in.z, options), expected,
                  kSchedule + rounding(6));
    }
  }
}

TEST_CASE("(SAMP.2) beta and beta tilde are the extremes of Gaussian data") {
  for (Index t = 2; t <= 1000; t += 7) {
    const double before = paper().alpha_bar[at(t - 1)], now = paper().alpha_bar[at(t)];
    const double of_x0 = std::sqrt(before) * paper().beta[at(t)] / (1 - now);
    double previous = 0;
    for (const double deviation : {0.0, 0.3, 0.7, 1.0}) {
      const GaussianData data{0.2, deviation};
      const double variance = paper().beta[at(t)] * data.variance(before) / data.variance(now);
      // Var(x_0 | x_t), of which the law of total variance makes the same.
      const double given = deviation * deviation * (1 - now) / data.variance(now);
      check_near(paper().beta_tilde[at(t)] + of_x0 * of_x0 * given, variance, 1e-12, "total");
      if (deviation == 0) check_near(variance, paper().beta_tilde[at(t)], 1e-12, "a point");
      if (deviation == 1) check_near(variance, paper().beta[at(t)], 1e-12, "N(0, 1)");
      CHECK(variance > previous);
      previous = variance;
    }
  }
}

// The variance of x_0 from x_T ~ N(0, 1), when each step's deviation is changed by f(t, deviation).
template <class F>
double sampled_variance(const GaussianData& data, Variance variance, const F& f) {
  double v = 1;
  for (Index t = 1000; t >= 1; --t) {
    const AffineStep step = ddpm_affine(paper(), t, data, variance);
    const double deviation = f(t, step.deviation);
    v = step.scale * step.scale * v + deviation * deviation;
  }
  return v;
}

TEST_CASE("(SAMP.1) mistake: noise in the last step") {
  const GaussianData point{0.5, 0};
  const auto quiet = [](Index, double deviation) { return deviation; };
  const auto loud = [](Index t, double) { return std::sqrt(paper().beta[at(t)]); };
  CHECK(sampled_variance(point, Variance::beta, quiet) < 1e-12);
  check_near(sampled_variance(point, Variance::beta, loud), 1e-4, 1e-12, "grain");
  // Off by one the other way, the last step but one is quiet too: data of variance 4e-4 come out
  // with a fifth less.
  const auto early = [](Index t, double deviation) { return t <= 2 ? 0 : deviation; };
  const GaussianData narrow{0, 0.02};
  CHECK(sampled_variance(narrow, Variance::beta, early) <
        0.85 * sampled_variance(narrow, Variance::beta, quiet));
}

TEST_CASE("(SAMP.1) mistake: following the means") {
  const auto none = [](Index, double) { return 0.0; };
  check_near(sampled_variance({0, 1}, Variance::beta, none), paper().alpha_bar[1000], 1e-12);
}

TEST_CASE("(SAMP.2) mistake: the variance as a deviation") {
  const auto quiet = [](Index, double deviation) { return deviation; };
  const auto squared = [](Index, double deviation) { return deviation * deviation; };
  check_near(sampled_variance({0, 1}, Variance::beta, quiet), 1, 2e-4, "all but beta_1");
  CHECK(sampled_variance({0, 1}, Variance::beta, squared) < 0.006);
}

TEST_CASE("(SAMP.4) mistake: the clamp taken for no change") {
  const StepInput in(5);
  const AncestralOptions clamped{.clamp_x0 = true};
  for (const Index t : {2, 500, 1000}) {
    const Tensor plain = p_sample_x0(paper(), in.x, t, in.eps, in.z, {});
    const Tensor x0 = predict_x0(paper(), in.x, t, in.eps);
    CHECK(relative_error(p_sample_x0(paper(), in.x, t, in.eps, in.z, clamped), plain) > 1e-3);
    const Tensor eps = predict_eps(paper(), in.x, t, clamp(x0, Real(-0.99), Real(0.99)));
    check_close(p_sample_x0(paper(), in.x, t, eps, in.z, clamped),
                p_sample_x0(paper(), in.x, t, eps, in.z, {}), kSchedule + rounding());
  }
}

TEST_CASE("(SAMP.4) mistake: bytes without a clamp") {
  const auto wrapped = [](double x) { return std::lround((x + 1) * 127.5) % 256; };
  CHECK(wrapped(1) == 255);
  CHECK(wrapped(1.02) == 2);  // white has become black
}

TEST_CASE("(SAMP.4) mistake: saved without mapping back") {
  // [-1, 1] taken for [0, 1]: all that is darker than the middle becomes one black.
  const auto as_it_is = [](double x) { return std::lround(std::clamp(x, 0.0, 1.0) * 255); };
  const auto mapped = [](double x) { return std::lround((std::clamp(x, -1.0, 1.0) + 1) * 127.5); };
  CHECK(as_it_is(-0.9) == as_it_is(0));
  CHECK(mapped(0) - mapped(-0.9) == 115);
  // Mapped twice, black is grey: nothing darker than the middle is left.
  CHECK(mapped((-1 + 1) / 2.0) == 128);
}

// ---- 21. DDIM --------------------------------------------------------------------------------

// The factors of x_0, of the noise in x_t and of fresh noise in x_s, when the prediction is right.
struct DdimFactors {
  double signal, old_noise, fresh_noise;
};
DdimFactors ddim_factors(Index t, Index s, double eta) {
  const double now = paper().alpha_bar[at(t)];
  const auto step = [&](double x0, double eps, double z) {
    const Tensor x_t = number(std::sqrt(now) * x0 + std::sqrt(1 - now) * eps);
    const Tensor x_s = ddim_step(paper(), x_t, t, s, number(eps), number(z), eta);
    return static_cast<double>(x_s.item());
  };
  return {step(1, 0, 0), step(0, 1, 0), step(0, 0, 1)};
}

TEST_CASE("(DDIM.1) (DDIM.2) (DDIM.3) every eta keeps the marginals, on any grid") {
  for (const auto& [t, s] : {std::pair{1, 0}, {2, 1}, {1000, 999}, {1000, 500}, {40, 20}}) {
    const double next = paper().alpha_bar[at(s)], ratio = paper().alpha_bar[at(t)] / next;
    const double rounding_of_x0 = kSchedule + rounding(2) / std::sqrt(paper().alpha_bar[at(t)]);
    for (const double eta : {0.0, 0.3, 1.0}) {
      const DdimFactors of = ddim_factors(t, s, eta);
      check_near(of.signal, std::sqrt(next), rounding_of_x0, "x_0");
      check_near(of.old_noise * of.old_noise + of.fresh_noise * of.fresh_noise, 1 - next,
                 rounding_of_x0, "variance");
      // The posterior's variance for one forward step from s to t, times eta squared.
      const double variance = (1 - next) / (1 - ratio * next) * (1 - ratio);
      check_near(of.fresh_noise * of.fresh_noise, eta * eta * variance, rounding_of_x0, "sigma");
    }
  }
}

TEST_CASE("(DDIM.2) (DDIM.3) eta = 1 on the full grid is DDPM; eta = 0 is Euler's method") {
  const StepInput in(6);
  const auto ratio = [](Index t) { return std::sqrt(1 / paper().alpha_bar[at(t)] - 1); };
  for (const Index t : kTimes) {
    check_close(ddim_step(paper(), in.x, t, t - 1, in.eps, in.z, 1),
                p_sample(paper(), in.x, t, in.eps, in.z, Variance::beta_tilde),
                kSchedule + rounding(8));
    const Index s = t / 2;
    const double from = std::sqrt(paper().alpha_bar[at(t)]),
                 to = std::sqrt(paper().alpha_bar[at(s)]);
    check_close(ddim_step(paper(), in.x, t, s, in.eps, in.z, 0),
                scaled(to / from, in.x) + scaled(to * (ratio(s) - ratio(t)), in.eps),
                kSchedule + rounding(8));
  }
}

TEST_CASE("(DDIM.4) the times: rounded, distinct, from T to at least 1") {
  for (Index steps = 1; steps <= 1000; steps += steps < 20 ? 1 : 7) {
    const std::vector<Index> times = ddim_times(1000, steps);
    for (Index i = steps; i >= 1; --i) {
      const double exact = static_cast<double>(i) * 1000 / static_cast<double>(steps);
      REQUIRE(static_cast<double>(times[at(steps - i)]) == std::floor(exact + 0.5));
    }
    CHECK(times.front() == 1000);
    CHECK(times.back() >= 1);
    CHECK(std::is_sorted(times.rbegin(), times.rend(), std::less_equal<Index>()));
  }
}

TEST_CASE("(DDIM.3) mistake: alpha for alpha_bar") {
  // With alpha for alpha_bar the first step takes x_0 for nearly all of x_T.
  const StepInput in(7);
  const auto step = [&](double now, double next) {
    const Tensor x0 = scaled(1 / std::sqrt(now), in.x - scaled(std::sqrt(1 - now), in.eps));
    return scaled(std::sqrt(next), x0) + scaled(std::sqrt(1 - next), in.eps);
  };
  const Tensor right = ddim_step(paper(), in.x, 1000, 500, in.eps, in.z, 0);
  check_close(step(paper().alpha_bar[1000], paper().alpha_bar[500]), right,
              kSchedule + rounding(8));
  check_wrong(step(paper().alpha[1000], paper().alpha[500]), right);
}

TEST_CASE("(DDIM.3) mistake: DDPM's mean without its noise") {
  const auto without_noise = ddim_factors(1000, 500, 1), ddim = ddim_factors(1000, 500, 0);
  const double needed = 1 - paper().alpha_bar[500];
  CHECK(without_noise.old_noise * without_noise.old_noise < 0.1 * needed);
  check_near(ddim.old_noise * ddim.old_noise, needed, kSchedule + 200 * rounding(2), "eta = 0");
}

TEST_CASE("(DDIM.3) mistake: a coarse grid with the fine grid's step") {
  // Of 50 steps of 20, each goes one time down only: the noise of x_0 = 0 that is left at the end.
  double right = 1, wrong = 1;
  for (Index t = 1000; t >= 20; t -= 20) {
    const auto noise = [](Index time) { return std::sqrt(1 - paper().alpha_bar[at(time)]); };
    right *= noise(t - 20) / noise(t);
    wrong *= noise(t - 1) / noise(t);
  }
  CHECK(right == 0);
  CHECK(wrong > 0.85);
}

TEST_CASE("(DDIM.4) mistake: other times") {
  const std::vector<Index> times = ddim_times(1000, 20);
  CHECK(times.front() == 1000);
  CHECK(1 + 19 * (1000 / 20) == 951);  // where leading times begin
  CHECK(ddim_times(1000, 50).back() == 20);
  CHECK(1 - paper().alpha_bar[20] > 5e-3);  // the noise that is left without the step to 0
}

TEST_SUITE_END();

}  // namespace ink::test
