// Single steps of the samplers: the identities between them, and diffusers' values.
#include "diffusion/samplers.h"

#include "tests/support/close.h"
#include "tests/support/reference.h"
#include "tests/test_io_support.h"

namespace ink::test {
namespace {

std::size_t at(Index t) { return static_cast<std::size_t>(t); }

double largest(const Tensor& x) { return static_cast<double>(max(map(Abs{}, x)).item()); }

struct StepInput {
  explicit StepInput(std::uint64_t seed) {
    Random random(seed);
    x = random.normal({64});
    eps = random.normal({64});
    z = random.normal({64});
  }
  Tensor x, eps, z;
};

}  // namespace

// ---- DDPM ------------------------------------------------------------------------------------

TEST_CASE("p_sample (SAMP.1): Algorithm 2, line 4") {
  const Schedule s = Schedule::linear();
  const StepInput in(1);
  for (const Index t : {2, 30, 700, 1000}) {
    CAPTURE(t);
    const double weight = s.beta[at(t)] / std::sqrt(1 - s.alpha_bar[at(t)]);
    const Tensor mean = (in.x - in.eps * static_cast<Real>(weight)) *
                        static_cast<Real>(1 / std::sqrt(s.alpha[at(t)]));
    const auto with = [&](double variance) {
      return mean + in.z * static_cast<Real>(std::sqrt(variance));
    };
    check_close(p_sample(s, in.x, t, in.eps, in.z, Variance::beta), with(s.beta[at(t)]),
                8 * kEpsilonOfReal + kScheduleError, "beta");
    check_close(p_sample(s, in.x, t, in.eps, in.z, Variance::beta_tilde), with(s.beta_tilde[at(t)]),
                8 * kEpsilonOfReal + kScheduleError, "beta tilde");
  }
}

TEST_CASE("p_sample (SAMP.3): by way of x_0 and mu tilde it is the same step") {
  const Schedule s = Schedule::linear();
  const StepInput in(2);
  for (Index t = 1; t <= s.T; t += t < 20 ? 1 : 49) {
    for (const Variance variance : {Variance::beta, Variance::beta_tilde}) {
      CAPTURE(t);
      check_close(p_sample_x0(s, in.x, t, in.eps, in.z, {.variance = variance}),
                  p_sample(s, in.x, t, in.eps, in.z, variance),
                  8 * kEpsilonOfReal + kScheduleError);
    }
  }
}

TEST_CASE("p_sample (SAMP.4): a clamp that has something to clamp is another step") {
  const Schedule s = Schedule::linear();
  const StepInput in(3);
  const AncestralOptions clamped{.clamp_x0 = true};
  for (const Index t : {1, 100, 1000}) {
    CAPTURE(t);
    const Tensor x0 = predict_x0(s, in.x, t, in.eps);
    REQUIRE(largest(x0) > 1);
    const Tensor got = p_sample_x0(s, in.x, t, in.eps, in.z, clamped);
    const Tensor mean = q_posterior(s, clamp(x0, -1, 1), in.x, t).mean;
    const auto sigma = static_cast<Real>(t == 1 ? 0 : std::sqrt(s.beta[at(t)]));
    check_close(got, mean + in.z * sigma, 8 * kEpsilonOfReal + kScheduleError);
    CHECK(relative_error(got, p_sample(s, in.x, t, in.eps, in.z, Variance::beta)) > 1e-4);

    // With x_0 inside [-1, 1] nothing changes.
    const Tensor inside = clamp(x0, Real(-0.9), Real(0.9));
    const Tensor eps = predict_eps(s, in.x, t, inside);
    check_close(p_sample_x0(s, in.x, t, eps, in.z, clamped), p_sample_x0(s, in.x, t, eps, in.z, {}),
                0);
  }
}

TEST_CASE("p_sample (SAMP.2): adds no noise at t = 1, and does at t = 2") {
  const Schedule s = Schedule::linear();
  const StepInput in(4);
  for (const Variance variance : {Variance::beta, Variance::beta_tilde}) {
    const auto step = [&](Index t, const Tensor& z) {
      return p_sample(s, in.x, t, in.eps, z, variance);
    };
    CHECK(equal(step(1, in.z), step(1, Tensor())));
    CHECK_FALSE(equal(step(2, in.z), step(2, Tensor::zeros({64}))));
    check_close(step(1, {}), predict_x0(s, in.x, 1, in.eps), 8 * kEpsilonOfReal + kScheduleError,
                "x_0");
    const AncestralOptions options{.variance = variance};
    CHECK(equal(p_sample_x0(s, in.x, 1, in.eps, in.z, options),
                p_sample_x0(s, in.x, 1, in.eps, {}, options)));
  }
}

TEST_CASE("diffusers: DDPMScheduler.step, plain and clipped, with both variances") {
  const Reference in("ddpm", "p_sample");
  const Schedule s = Schedule::linear();
  for (const bool large : {false, true}) {
    for (const bool clip : {false, true}) {
      const std::string the_case =
          std::string(large ? "fixed_large" : "fixed_small") + (clip ? ".clip" : "");
      const Reference expected("ddpm", "p_sample." + the_case);
      const AncestralOptions options{large ? Variance::beta : Variance::beta_tilde, clip};
      for (Index i = 0; i < 7; ++i) {
        const auto part = [i](const Tensor& x) { return x.slice(0, i, i + 1); };
        const auto t = static_cast<Index>(in.stored("t").at({i}));
        CAPTURE(the_case);
        CAPTURE(t);
        const Tensor x = part(in.stored("x")), eps = part(in.stored("eps")),
                     z = part(in.stored("z"));
        const Tensor x0 = predict_x0(s, x, t, eps);
        check_close(clip ? clamp(x0, -1, 1) : x0, part(expected.stored("x0")), kAgainstTorch, "x0");
        check_close(p_sample_x0(s, x, t, eps, Tensor::zeros(x.shape()), options),
                    part(expected.stored("mean")), kAgainstTorch, "mean");
        check_close(p_sample_x0(s, x, t, eps, z, options), part(expected.stored("sample")),
                    kAgainstTorch, "sample");
        if (clip) continue;
        check_close(p_sample(s, x, t, eps, z, options.variance), part(expected.stored("sample")),
                    kAgainstTorch, "sample, eps form");
      }
    }
  }
}

// ---- DDIM ------------------------------------------------------------------------------------

TEST_CASE("ddim_times (DDIM.4): from T down to at least 1, strictly, as many as asked for") {
  for (const Index T : {1, 2, 7, 10, 100, 1000}) {
    for (Index steps = 1; steps <= T; ++steps) {
      const std::vector<Index> times = ddim_times(T, steps);
      CAPTURE(T);
      CAPTURE(steps);
      REQUIRE(times.size() == static_cast<std::size_t>(steps));
      CHECK(times.front() == T);
      CHECK(times.back() >= 1);
      for (std::size_t i = 1; i < times.size(); ++i) REQUIRE(times[i] < times[i - 1]);
    }
  }
  CHECK(ddim_times(1000, 4) == std::vector<Index>{1000, 750, 500, 250});
  CHECK(ddim_times(10, 3) == std::vector<Index>{10, 7, 3});
  CHECK(ddim_times(3, 3) == std::vector<Index>{3, 2, 1});
  check_parts(error_of([] { ddim_times(10, 0); }), {"[ddim]", "1 to 10", "got 0"});
  check_parts(error_of([] { ddim_times(10, 11); }), {"got 11"});
}

TEST_CASE("diffusers: ddim_times are its trailing ones") {
  const Reference reference("ddim", "trailing");
  const std::vector<Index> times = ddim_times(1000, 10);
  for (Index i = 0; i < 10; ++i) {
    CHECK(static_cast<Real>(times[at(i)]) == reference.stored("t").at({i}));
  }
}

TEST_CASE("diffusers: whole runs of DDIMScheduler.step (DDIM.2) (DDIM.3)") {
  const Schedule s = Schedule::linear();
  struct Run {
    const char* name;
    double eta;
    bool clamp;
  };
  for (const std::string spacing : {"leading", "trailing"}) {
    const Reference in("ddim", spacing);
    for (const Run& run : {Run{"eta0", 0, false}, Run{"eta0.5", 0.5, false}, Run{"eta1", 1, false},
                           Run{"eta0.5.clip_rederived", 0.5, true}}) {
      const Reference expected("ddim", spacing + "." + run.name);
      Tensor x = in.stored("start");
      for (Index i = 0; i < 10; ++i) {
        const auto part = [i](const Tensor& all) { return all.slice(0, i, i + 1).squeeze(0); };
        const auto t = static_cast<Index>(in.stored("t").at({i}));
        const auto t_prev = static_cast<Index>(in.stored("t_prev").at({i}));
        CAPTURE(spacing);
        CAPTURE(run.name);
        CAPTURE(t);
        x = ddim_step(s, x, t, t_prev, part(in.stored("eps")), part(in.stored("z")), run.eta,
                      run.clamp);
        check_close(x, expected.stored("x").slice(0, i + 1, i + 2).squeeze(0), kAgainstTorch);
      }
    }
  }
}

TEST_CASE("ddim_step (DDIM.2) (DDIM.3): with eta = 1 and s = t - 1 it is DDPM with beta tilde") {
  const Schedule s = Schedule::linear();
  const StepInput in(5);
  for (Index t = 1; t <= s.T; t += t < 20 ? 1 : 49) {
    CAPTURE(t);
    check_close(ddim_step(s, in.x, t, t - 1, in.eps, in.z, 1),
                p_sample(s, in.x, t, in.eps, in.z, Variance::beta_tilde),
                16 * kEpsilonOfReal + kScheduleError);
  }
}

TEST_CASE("ddim_step (DDIM.3): keeps the marginals, for any eta and any earlier time") {
  // With the true eps, x_t = sqrt(abar_t) x0 + sqrt(1 - abar_t) eps goes to x_s of the same form:
  // its noise is the old eps for eta = 0, and has variance 1 - abar_s for any eta.
  const Schedule s = Schedule::linear();
  Random random(6);
  const Index n = 50'000;
  const Tensor x0 = Tensor::full({n}, Real(0.5)), eps = random.normal({n}), z = random.normal({n});
  const Tensor x_t = q_sample(s, x0, Tensor::full({n}, 600), eps);
  for (const Index to : {0, 1, 150, 599}) {
    CAPTURE(to);
    const double alpha_bar = s.alpha_bar[at(to)];
    const Tensor same_eps = x0 * static_cast<Real>(std::sqrt(alpha_bar)) +
                            eps * static_cast<Real>(std::sqrt(1 - alpha_bar));
    // x_0 is what is left of x_t divided by sqrt(abar_t): so is the rounding of x_t.
    const double rounding = 4 * kEpsilonOfReal * largest(x_t) / std::sqrt(s.alpha_bar[600]);
    check_close(ddim_step(s, x_t, 600, to, eps, z, 0), same_eps, rounding / largest(same_eps));
    for (const double eta : {0.3, 1.0}) {
      check_normal(ddim_step(s, x_t, 600, to, eps, z, eta), std::sqrt(alpha_bar) * 0.5,
                   1 - alpha_bar, 1e-6);
    }
  }
}

TEST_CASE("ddim_step: at s = 0 it returns the predicted x_0, without noise") {
  const Schedule s = Schedule::linear();
  const StepInput in(7);
  const Tensor x0 = predict_x0(s, in.x, 40, in.eps);
  CHECK(equal(ddim_step(s, in.x, 40, 0, in.eps, in.z, 1), x0));
  CHECK(equal(ddim_step(s, in.x, 40, 0, in.eps, in.z, 1, true), clamp(x0, -1, 1)));
}

TEST_CASE("ddim: mistakes are named") {
  const Schedule s = Schedule::linear(10);
  const Tensor x = Tensor::zeros({2});
  const auto step = [&](Index t, Index to) {
    return error_of([&] { (void)ddim_step(s, x, t, to, x, x, 0); });
  };
  check_parts(step(5, 5), {"[ddim]", "T >= t > s >= 0", "5 and 5"});
  check_parts(step(11, 3), {"11 and 3"});
  check_parts(step(3, -1), {"3 and -1"});
  Random random(1);
  const EpsTheta zero = [](const Tensor& y, const Tensor&) { return Tensor::zeros(y.shape()); };
  check_parts(error_of([&] { (void)sample_ddim(s, zero, {2}, random, {.steps = 5, .eta = 1.5}); }),
              {"[ddim]", "eta from 0 to 1", "1.5"});
  check_parts(error_of([&] { (void)sample_ddim(s, zero, {2}, random, {.steps = 11}); }),
              {"[ddim]", "1 to 10", "11"});
}

}  // namespace ink::test
