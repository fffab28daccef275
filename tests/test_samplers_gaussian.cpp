// Whole runs of the samplers on Gaussian data, where the best eps has a closed form: a sampler is
// then an affine map of its noise, known exactly.
#include <algorithm>

#include "tests/support/close.h"
#include "tests/support/gaussian_data.h"
#include "tests/test_io_support.h"

namespace ink::test {
namespace {

constexpr GaussianData kData{0.6, 0.35};

// x_0 of the affine chain for the draws that a sampler with this Random makes: x_T, then one z
// after the other.
std::vector<double> affine_run(Random random, Index n, const std::vector<AffineStep>& steps) {
  std::vector<double> x;
  for (const Real v : random.normal({n}).to_vector()) x.push_back(static_cast<double>(v));
  for (const AffineStep& step : steps) {
    const std::vector<Real> z =
        step.deviation > 0 ? random.normal({n}).to_vector() : std::vector<Real>(x.size(), 0);
    for (std::size_t i = 0; i < x.size(); ++i) {
      x[i] = step.scale * x[i] + step.shift + step.deviation * static_cast<double>(z[i]);
    }
  }
  return x;
}

// The moments of the chain's x_0, from x_T ~ N(0, 1).
Moments affine_moments(const std::vector<AffineStep>& steps) {
  Moments x{0, 1};
  for (const AffineStep& step : steps) {
    x = {step.scale * x.mean + step.shift,
         step.scale * step.scale * x.variance + step.deviation * step.deviation};
  }
  return x;
}

std::vector<AffineStep> ddpm_steps(const Schedule& s, Variance variance) {
  std::vector<AffineStep> steps;
  for (Index t = s.T; t >= 1; --t) steps.push_back(ddpm_affine(s, t, kData, variance));
  return steps;
}

std::vector<AffineStep> ddim_steps(const Schedule& s, Index count, double eta) {
  std::vector<AffineStep> steps;
  std::vector<Index> times = ddim_times(s.T, count);
  times.push_back(0);
  for (std::size_t i = 0; i + 1 < times.size(); ++i) {
    steps.push_back(ddim_affine(s, times[i], times[i + 1], kData, eta));
  }
  return steps;
}

// Rounding of a whole run: each step adds its own, and the contraction towards the data keeps them
// from growing.
double rounding(std::size_t steps) {
  return 8 * kEpsilonOfReal * std::sqrt(static_cast<double>(steps));
}

// By how much the largest of a run's steps enlarges the rounding of x_t on the way to x_0.
double enlargement(const Schedule& s, Index steps) {
  std::vector<Index> times = ddim_times(s.T, steps);
  times.push_back(0);
  double most = 1;
  for (std::size_t i = 0; i + 1 < times.size(); ++i) {
    const auto now = static_cast<std::size_t>(times[i]),
               next = static_cast<std::size_t>(times[i + 1]);
    most = std::max(most, std::sqrt(s.alpha_bar[next] / s.alpha_bar[now]));
  }
  return most;
}

void check_run(const Tensor& got, const std::vector<AffineStep>& steps, std::uint64_t seed,
               double enlarged = 1) {
  const std::vector<double> expected = affine_run(Random(seed), got.count(), steps);
  std::vector<Real> rounded;
  for (const double v : expected) rounded.push_back(static_cast<Real>(v));
  check_close(got, Tensor::from(rounded, got.shape()), enlarged * rounding(steps.size()));
}

}  // namespace

TEST_CASE("ddpm (SAMP.1) (SAMP.2): every sample follows from its noise as Algorithm 2 says") {
  const Schedule s = Schedule::linear();
  for (const Variance variance : {Variance::beta, Variance::beta_tilde}) {
    Random random(1);
    const Tensor x = sample_ddpm(s, kData.eps_theta(s), {16}, random, {.variance = variance});
    check_run(x, ddpm_steps(s, variance), 1);
  }
}

TEST_CASE("ddpm (SAMP.2): the samples have the data's mean and variance") {
  const Schedule s = Schedule::linear();
  for (const Variance variance : {Variance::beta, Variance::beta_tilde}) {
    // Exactly: a thousand steps, the wrong variance at each of them, lose little.
    const Moments exact = affine_moments(ddpm_steps(s, variance));
    check_near(exact.mean, kData.m, 1e-4, "mean");
    check_near(exact.variance, kData.s * kData.s, 0.03 * kData.s * kData.s, "variance");
    Random random(2);
    const Tensor x = sample_ddpm(s, kData.eps_theta(s), {8192}, random, {.variance = variance});
    check_normal(x, exact.mean, exact.variance, rounding(1000));
  }
  // Each is right for one kind of data: beta for x_0 ~ N(0, I), beta_tilde for a single point.
  const auto moments_of = [&](const GaussianData& data, Variance variance) {
    std::vector<AffineStep> steps;
    for (Index t = s.T; t >= 1; --t) steps.push_back(ddpm_affine(s, t, data, variance));
    return affine_moments(steps);
  };
  const double at_t1 = s.beta[1];  // the last step adds no noise
  check_near(moments_of({0, 1}, Variance::beta).variance, 1 - at_t1, 1e-12, "beta, N(0, I)");
  check_near(moments_of({0.3, 0}, Variance::beta_tilde).variance, 0, 1e-12, "beta tilde, a point");
  CHECK(moments_of({0, 1}, Variance::beta_tilde).variance <
        moments_of({0, 1}, Variance::beta).variance);
}

TEST_CASE("ddpm (SAMP.4): with the clamp no sample leaves [-1, 1]") {
  const Schedule s = Schedule::linear(50, 1e-3, 0.3);
  const GaussianData wide{0, 2};
  Random random(3);
  const Tensor x = sample_ddpm(s, wide.eps_theta(s), {1000}, random, {.clamp_x0 = true});
  CHECK(max(map(Abs{}, x)).item() <= 1 + 4 * kEpsilonOfReal);
  Random again(3);
  CHECK(max(map(Abs{}, sample_ddpm(s, wide.eps_theta(s), {1000}, again))).item() > 2);
}

TEST_CASE("ddim (DDIM.3): with eta = 0 x_T alone decides, by the known affine function") {
  const Schedule s = Schedule::linear();
  for (const Index steps : {1, 7, 50, 1000}) {
    CAPTURE(steps);
    Random random(4);
    const Tensor x = sample_ddim(s, kData.eps_theta(s), {16}, random, {.steps = steps});
    check_run(x, ddim_steps(s, steps, 0), 4, enlargement(s, steps));
  }
}

TEST_CASE("ddim (DDIM.3): with more steps it comes to the flow that keeps quantiles") {
  const Schedule s = Schedule::linear();
  const double alpha_bar = s.alpha_bar[1000];
  const double scale = kData.s / std::sqrt(kData.variance(alpha_bar));
  double previous = 1;
  for (const Index steps : {10, 30, 100, 300, 1000}) {
    double got = 1;
    for (const AffineStep& step : ddim_steps(s, steps, 0)) got *= step.scale;
    const double error = std::fabs(got / scale - 1);
    CAPTURE(steps);
    CHECK(error < 0.5 * previous);
    previous = error;
  }
  CHECK(previous < 0.01);
}

TEST_CASE("ddim (DDIM.2): with eta in between, and on a sub-sequence, it is its affine chain") {
  const Schedule s = Schedule::linear();
  for (const double eta : {0.4, 1.0}) {
    Random random(5);
    const Tensor x = sample_ddim(s, kData.eps_theta(s), {16}, random, {.steps = 40, .eta = eta});
    check_run(x, ddim_steps(s, 40, eta), 5, enlargement(s, 40));
  }
}

TEST_CASE("ddim (DDIM.2): eta = 1 on the full grid is DDPM with beta tilde, draw for draw") {
  const Schedule s = Schedule::linear();
  const std::vector<AffineStep> ddim = ddim_steps(s, 1000, 1),
                                ddpm = ddpm_steps(s, Variance::beta_tilde);
  for (std::size_t i = 0; i < ddim.size(); ++i) {
    CAPTURE(i);
    check_near(ddim[i].scale, ddpm[i].scale, 1e-12, "scale");
    check_near(ddim[i].shift, ddpm[i].shift, 1e-12, "shift");
    check_near(ddim[i].deviation, ddpm[i].deviation, 1e-12, "deviation");
  }
  Random a(6), b(6);
  const Tensor x = sample_ddim(s, kData.eps_theta(s), {64}, a, {.steps = 1000, .eta = 1});
  const Tensor y = sample_ddpm(s, kData.eps_theta(s), {64}, b, {.variance = Variance::beta_tilde});
  check_close(x, y, 2 * rounding(1000));
  CHECK(a.position() == b.position());
}

// ---- determinism, observers ------------------------------------------------------------------

TEST_CASE("samplers: the same seed gives the same bits with 1, 2 and 3 threads") {
  const Schedule s = Schedule::linear(30, 1e-3, 0.3);
  const Shape shape{40, 28, 28, 1};
  const auto run = [&](int threads, std::uint64_t seed) {
    const ThreadCount count(threads);
    Random random(seed);
    const Tensor ddpm = sample_ddpm(s, kData.eps_theta(s), shape, random);
    return Tensors{ddpm, sample_ddim(s, kData.eps_theta(s), shape, random, {.steps = 5, .eta = 1})};
  };
  const Tensors one = run(1, 7);
  for (const int threads : {2, 3}) {
    const Tensors other = run(threads, 7);
    CHECK(equal(other[0], one[0]));
    CHECK(equal(other[1], one[1]));
  }
  CHECK_FALSE(equal(run(1, 8)[0], one[0]));
}

TEST_CASE("samplers: the observer sees T-1 ... 0, and the network T ... 1") {
  const Schedule s = Schedule::linear(12);
  std::vector<Index> asked, seen;
  Tensor last;
  const EpsTheta eps_theta = [&](const Tensor& x, const Tensor& t) {
    CHECK(t.shape() == Shape{3});
    CHECK(max(t).item() == -max(-t).item());
    asked.push_back(static_cast<Index>(t.at({0})));
    return Tensor::zeros(x.shape());
  };
  const Observer observe = [&](Index t, const Tensor& x) {
    seen.push_back(t);
    last = x.clone();
  };
  Random random(8);
  const Shape shape{3, 2, 2, 1};
  const Tensor x = sample_ddpm(s, eps_theta, shape, random, {}, observe);
  CHECK(equal(last, x));
  REQUIRE(seen.size() == 12);
  for (Index i = 0; i < 12; ++i) {
    CHECK(asked[static_cast<std::size_t>(i)] == 12 - i);
    CHECK(seen[static_cast<std::size_t>(i)] == 11 - i);
  }

  asked.clear(), seen.clear();
  const Tensor y = sample_ddim(s, eps_theta, shape, random, {.steps = 4}, observe);
  CHECK(equal(last, y));
  CHECK(asked == std::vector<Index>{12, 9, 6, 3});
  CHECK(seen == std::vector<Index>{9, 6, 3, 0});
}

}  // namespace ink::test
