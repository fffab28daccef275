// The noise schedule and the forward process q.
#include "diffusion/schedule.h"

#include "tensor/random.h"
#include "tests/support/close.h"
#include "tests/support/reference.h"
#include "tests/test_io_support.h"

namespace ink::test {
namespace {

std::size_t at(Index t) { return static_cast<std::size_t>(t); }

// One t for n images.
Tensor times(Index n, Index t) { return Tensor::full({n}, static_cast<Real>(t)); }

}  // namespace

TEST_CASE("schedule (FWD.5): beta rises linearly from t = 1 to T, and entry 0 stands for x_0") {
  const Schedule s = Schedule::linear();
  CHECK(s.T == 1000);
  for (const auto* values : {&s.beta, &s.alpha, &s.alpha_bar, &s.beta_tilde}) {
    CHECK(values->size() == 1001);
  }
  CHECK(s.beta[0] == 0);
  CHECK(s.alpha[0] == 1);
  CHECK(s.alpha_bar[0] == 1);
  CHECK(s.beta[1] == 1e-4);
  CHECK(s.beta[1000] == 0.02);
  check_near(s.beta[500], 1e-4 + (0.02 - 1e-4) * 499 / 999, 1e-17, "beta_500");
  for (Index t = 1; t <= 1000; ++t) CHECK(s.beta[at(t)] > s.beta[at(t - 1)]);
  CHECK(Schedule::linear(1, 0.3, 0.5).beta[1] == 0.3);
}

TEST_CASE("schedule (FWD.3): alpha_bar is the product of the alphas") {
  const Schedule s = Schedule::linear();
  double sum_of_logs = 0;
  for (Index t = 1; t <= s.T; ++t) {
    CHECK(s.alpha[at(t)] == 1 - s.beta[at(t)]);
    sum_of_logs += std::log1p(-s.beta[at(t)]);
    CHECK(s.alpha_bar[at(t)] == doctest::Approx(std::exp(sum_of_logs)).epsilon(1e-12));
  }
  CHECK(s.alpha_bar[1000] < 5e-5);  // x_T is noise
}

TEST_CASE("diffusers: beta and alpha_bar") {
  // The file holds them as Real; index i is our t = i + 1.
  const Reference reference("ddpm");
  const Schedule s = Schedule::linear();
  for (Index t = 1; t <= s.T; ++t) {
    const double beta = static_cast<double>(reference.stored("beta").at({t - 1}));
    const double alpha_bar = static_cast<double>(reference.stored("alpha_bar").at({t - 1}));
    CHECK(s.beta[at(t)] == doctest::Approx(beta).epsilon(kEpsilonOfReal + 1e-15));
    CHECK(s.alpha_bar[at(t)] == doctest::Approx(alpha_bar).epsilon(kEpsilonOfReal + 1e-12));
  }
}

TEST_CASE("schedule: betas outside (0, 1) and T < 1 are refused") {
  check_parts(error_of([] { Schedule::linear(0); }), {"[schedule]", "at least one", "T = 0"});
  check_parts(error_of([] { Schedule::from_beta({0.1, 0}); }), {"between 0 and 1", "got 0"});
  check_parts(error_of([] { Schedule::from_beta({1}); }), {"between 0 and 1", "got 1"});
  check_parts(error_of([] { Schedule::from_beta({-0.1}); }), {"got -0.1"});
  check_parts(error_of([] { Schedule::linear(10, 0.1, std::nan("")); }), {"between 0 and 1"});
}

// ---- q(x_t | x_0) ----------------------------------------------------------------------------

TEST_CASE("diffusers: q_sample (FWD.4)") {
  const Reference reference("ddpm", "q_sample");
  const Tensor y = q_sample(Schedule::linear(), reference.stored("x0"), reference.stored("t"),
                            reference.stored("eps"));
  check_close(y, reference.stored("y"), kAgainstTorch);
}

TEST_CASE("q_sample (FWD.4): each image is noised for its own time") {
  const Schedule s = Schedule::linear(10, 0.1, 0.3);
  Random random(1);
  const Tensor x0 = random.normal({3, 2, 2, 1}), eps = random.normal(x0.shape());
  const Tensor all = q_sample(s, x0, Tensor::from({1, 10, 4}, {3}), eps);
  Index i = 0;
  for (const Index t : {1, 10, 4}) {
    const auto part = [i](const Tensor& x) { return x.slice(0, i, i + 1); };
    CHECK(equal(q_sample(s, part(x0), times(1, t), part(eps)), part(all)));
    ++i;
  }
}

TEST_CASE(
    "q_sample (FWD.4): mean sqrt(alpha_bar) x_0, variance 1 - alpha_bar, not 1 - sqrt(alpha_bar)") {
  const Schedule s = Schedule::linear();
  Random random(1);
  const Index n = 100'000;
  const double x0 = 0.8;
  for (const Index t : {1, 100, 300, 1000}) {
    CAPTURE(t);
    const double alpha_bar = s.alpha_bar[at(t)];
    const Tensor x =
        q_sample(s, Tensor::full({n}, static_cast<Real>(x0)), times(n, t), random.normal({n}));
    check_normal(x, std::sqrt(alpha_bar) * x0, 1 - alpha_bar, 4 * kEpsilonOfReal);
  }
  // At t = 300 the wrong formula is off by more than fifty standard errors.
  const double alpha_bar = s.alpha_bar[300], error = (1 - alpha_bar) - (1 - std::sqrt(alpha_bar));
  CHECK(error > 50 * (1 - alpha_bar) * std::sqrt(2. / n));
}

namespace {

// The moments of x_t given x_0 = 1 after t steps x <- a(beta) x + b(beta) eps.
template <class A, class B>
Moments chain(const Schedule& s, Index t, const A& a, const B& b) {
  Moments x{1, 0};
  for (Index i = 1; i <= t; ++i) {
    const double beta = s.beta[at(i)];
    x = {a(beta) * x.mean, a(beta) * a(beta) * x.variance + b(beta) * b(beta)};
  }
  return x;
}

}  // namespace

TEST_CASE("forward process (FWD.4): t single steps have q_sample's marginal") {
  const auto keep = [](double beta) { return std::sqrt(1 - beta); };
  const auto add = [](double beta) { return std::sqrt(beta); };
  const auto one = [](double beta) { return beta; };
  const auto no_root = [](double beta) { return 1 - beta; };
  const Schedule s = Schedule::linear();
  for (const Index t : {1, 2, 50, 500, 1000}) {
    CAPTURE(t);
    const double alpha_bar = s.alpha_bar[at(t)];
    const Moments right = chain(s, t, keep, add);
    check_near(right.mean, std::sqrt(alpha_bar), 1e-12, "mean");
    check_near(right.variance, 1 - alpha_bar, 1e-12, "variance");

    // beta for sqrt(beta), or 1 - beta for its root: neither is the marginal, and the variance is
    // not preserved.
    const double allowed = 0.4 * (1 - alpha_bar);
    CHECK(std::fabs(chain(s, t, keep, one).variance - (1 - alpha_bar)) > allowed);
    CHECK(std::fabs(chain(s, t, no_root, add).mean - std::sqrt(alpha_bar)) >
          0.4 * std::min(1 - std::sqrt(alpha_bar), std::sqrt(alpha_bar)));
  }
  const double kept = chain(s, 1000, no_root, add).variance;
  CHECK(kept < 0.6);
}

TEST_CASE("forward process (FWD.4): a chain of drawn steps looks like one draw of q_sample") {
  const Schedule s = Schedule::linear(20, 0.02, 0.3);
  Random random(3);
  const Index n = 50'000;
  Tensor x = Tensor::full({n}, Real(1.5));
  for (Index t = 1; t <= s.T; ++t) {
    const auto keep = static_cast<Real>(std::sqrt(s.alpha[at(t)]));
    const auto add = static_cast<Real>(std::sqrt(s.beta[at(t)]));
    x = x * keep + random.normal({n}) * add;
  }
  check_normal(x, 1.5 * std::sqrt(s.alpha_bar[20]), 1 - s.alpha_bar[20], 64 * kEpsilonOfReal);
}

TEST_CASE("q_sample: mistakes are named") {
  const Schedule s = Schedule::linear(10);
  const Tensor x = Tensor::zeros({2, 3}), t = Tensor::ones({2});
  check_parts(error_of([&] {
                (void)q_sample(s, x, t, Tensor::zeros({3, 2}));
              }),
              {"[q_sample]", "(2,3)", "(3,2)"});
  check_parts(error_of([&] { (void)q_sample(s, x, Tensor::ones({3}), x); }), {"(3)"});
  check_parts(error_of([&] {
                (void)q_sample(s, x, Tensor::from({1, 0}, {2}), x);
              }),
              {"from 1 to 10", "got 0"});
  check_parts(error_of([&] { (void)q_sample(s, x, Tensor::from({11, 1}, {2}), x); }), {"got 11"});
}

}  // namespace ink::test
