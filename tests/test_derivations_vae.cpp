// Chapter 14 of the derivations: the variational bound, for a linear decoder where everything is
// known; integrals on a fine grid in double.
#include <functional>
#include <numbers>

#include "tests/support/derivations.h"

namespace ink::test {
namespace {

double log_normal(double x, double mean, double variance) {
  return -(x - mean) * (x - mean) / (2 * variance) - std::log(2 * std::numbers::pi * variance) / 2;
}

double integral(const std::function<double(double)>& f) {
  constexpr double kEnd = 20, kStep = 1.0 / 512;
  double sum = 0;
  for (double z = -kEnd; z <= kEnd; z += kStep) sum += f(z);
  return sum * kStep;
}

// p(x | z) = N(a z + b, v), prior N(0, 1), and an encoder N(m, s^2) for the one x.
struct Linear {
  double a = 1.3, b = -0.4, v = 0.5, x = 1.1;
  double m = 0.7, s = 0.6;

  double log_likelihood() const { return log_normal(x, b, a * a + v); }
  // E_q of a function of z.
  double under_q(const std::function<double(double)>& f) const {
    return integral([&](double z) { return std::exp(log_normal(z, m, s * s)) * f(z); });
  }
  double bound() const {
    return under_q([&](double z) {
      return log_normal(x, a * z + b, v) + log_normal(z, 0, 1) - log_normal(z, m, s * s);
    });
  }
  double posterior_variance() const { return 1 / (1 + a * a / v); }
  double posterior_mean() const { return posterior_variance() * a * (x - b) / v; }
};

double kl_to_prior(double m, double s) { return (m * m + s * s - 1 - std::log(s * s)) / 2; }

}  // namespace

TEST_CASE("(VAE.2) the spread of naive draws, by integration") {
  for (const double v : {0.3, 0.05})
    for (const double x : {0., 0.8}) {
      const auto moment = [&](double power) {
        return integral(
            [&](double z) { return std::exp(log_normal(z, 0, 1) + power * log_normal(x, z, v)); });
      };
      const double rho = std::exp(log_normal(x, 0, 1 + v / 2) - 2 * log_normal(x, 0, 1 + v)) /
                         (2 * std::sqrt(std::numbers::pi * v));
      check_near(moment(2) / (moment(1) * moment(1)), rho, 1e-10 * rho);
    }
  const double at_zero = std::exp(log_normal(0, 0, 1.005) - 2 * log_normal(0, 0, 1.01)) /
                         (2 * std::sqrt(std::numbers::pi * 0.01));
  CHECK(std::pow(at_zero, 64) > 1e53);
}

TEST_CASE("(VAE.3) (VAE.4) the bound, and the divergence from the posterior as its gap") {
  const Linear model;
  const double u = model.posterior_variance(), mean = model.posterior_mean();
  const double gap = model.under_q(
      [&](double z) { return log_normal(z, model.m, model.s * model.s) - log_normal(z, mean, u); });
  CHECK(model.bound() < model.log_likelihood());
  check_near(model.bound(), model.log_likelihood() - gap, 1e-11);

  Linear exact;
  exact.m = mean;
  exact.s = std::sqrt(u);
  check_near(exact.bound(), exact.log_likelihood(), 1e-11);
}

TEST_CASE("(VAE.4) mistake: the bound taken for the likelihood") {
  const Linear model;
  CHECK(model.log_likelihood() - model.bound() > 0.05);
}

TEST_CASE("(VAE.5) reconstruction minus the price of the code") {
  const Linear model;
  const double reconstruction =
      model.under_q([&](double z) { return log_normal(model.x, model.a * z + model.b, model.v); });
  check_near(model.bound(), reconstruction - kl_to_prior(model.m, model.s), 1e-11);
}

TEST_CASE("(VAE.6) the divergence from the prior in closed form") {
  for (const auto& [m, s] : {std::pair{0., 1.}, {0.7, 0.6}, {-1.5, 2.}}) {
    const double by_integration = integral([m = m, s = s](double z) {
      return std::exp(log_normal(z, m, s * s)) * (log_normal(z, m, s * s) - log_normal(z, 0, 1));
    });
    check_near(kl_to_prior(m, s), by_integration, 1e-11);
  }
}

TEST_CASE("(VAE.6) mistake: log s in place of log s^2") {
  const auto wrong = [](double s) { return (s * s - 1 - std::log(s)) / 2; };
  CHECK(wrong(0.75) < wrong(1));  // the prior itself is no longer the minimum
  CHECK(wrong(0.75) < 0);         // and a divergence is negative
}

TEST_CASE("(VAE.7) the gradient through a draw") {
  const Linear model;
  const auto f = [](double z) { return std::sin(z) + z * z / 3; };
  const auto slope = [](double z) { return std::cos(z) + 2 * z / 3; };
  const auto mean_of_f = [&](double m, double s) {
    Linear other = model;
    other.m = m;
    other.s = s;
    return other.under_q(f);
  };
  constexpr double h = 1e-5;
  const double by_m = (mean_of_f(model.m + h, model.s) - mean_of_f(model.m - h, model.s)) / (2 * h);
  const double by_s = (mean_of_f(model.m, model.s + h) - mean_of_f(model.m, model.s - h)) / (2 * h);
  const auto noise = [&](double z) { return (z - model.m) / model.s; };
  check_near(model.under_q(slope), by_m, 1e-8);
  check_near(model.under_q([&](double z) { return slope(z) * noise(z); }), by_s, 1e-8);
}

TEST_CASE("(VAE.7) mistake: no factor of the noise") {
  const Linear model;
  const auto slope = [](double z) { return std::cos(z) + 2 * z / 3; };
  const double right = model.under_q([&](double z) { return slope(z) * (z - model.m) / model.s; });
  CHECK(std::fabs(model.under_q(slope) - right) > 0.2);
}

}  // namespace ink::test
