// Chapter 13 of the derivations: maximum likelihood, by integration on a fine grid in double.
#include <functional>
#include <numbers>

#include "tests/support/derivations.h"

namespace ink::test {
namespace {

using Density = std::function<double(double)>;

double normal_density(double x, double mean, double variance) {
  return std::exp(-(x - mean) * (x - mean) / (2 * variance)) /
         std::sqrt(2 * std::numbers::pi * variance);
}

Density normal_of(double mean, double variance) {
  return [=](double x) { return normal_density(x, mean, variance); };
}

// Two humps, which no normal distribution matches.
double data(double x) {
  return 0.3 * normal_density(x, -2, 0.25) + 0.7 * normal_density(x, 1.5, 0.5);
}

// The integral over the line. For smooth functions that vanish at both ends the sum over a grid is
// exact to the last digits.
double integral(const Density& f) {
  constexpr double kEnd = 30, kStep = 1.0 / 256;
  double sum = 0;
  for (double x = -kEnd; x <= kEnd; x += kStep) sum += f(x);
  return sum * kStep;
}

// E_p[f]; where p vanishes nothing is evaluated.
double mean_under(const Density& p, const Density& f) {
  return integral([&](double x) { return p(x) > 1e-290 ? p(x) * f(x) : 0; });
}

double entropy(const Density& p) {
  return mean_under(p, [&](double x) { return -std::log(p(x)); });
}
double divergence(const Density& p, const Density& q) {
  return mean_under(p, [&](double x) { return std::log(p(x)) - std::log(std::max(q(x), 1e-300)); });
}

constexpr double kMean = 0.3 * -2 + 0.7 * 1.5;
constexpr double kVariance = 0.3 * (0.25 + 4) + 0.7 * (0.5 + 2.25) - kMean * kMean;

}  // namespace

TEST_CASE("(MLE.2) the mean log-likelihood is minus the entropy minus the divergence") {
  for (const auto& [mean, variance] : {std::pair{0., 1.}, {0.5, 4.}, {-1., 2.}}) {
    const Density model = normal_of(mean, variance);
    const double likelihood = mean_under(data, [&](double x) { return std::log(model(x)); });
    check_near(likelihood, -entropy(data) - divergence(data, model), 1e-11);
  }
}

TEST_CASE("(MLE.2) mistake: a perfect model's loss is zero") {
  const double loss = mean_under(data, [](double x) { return -std::log(data(x)); });
  CHECK(loss > 1);
  check_near(loss, entropy(data), 1e-12);
}

TEST_CASE("(MLE.3) no divergence is negative") {
  check_near(divergence(data, data), 0, 1e-12);
  for (const double mean : {-1., 0., 2.})
    for (const double variance : {0.5, 2., 8.}) {
      CHECK(divergence(data, normal_of(mean, variance)) > 0);
      CHECK(divergence(normal_of(mean, variance), data) > 0);
    }
}

TEST_CASE("(MLE.4) the nearest normal distribution has the moments of the data") {
  check_near(mean_under(data, [](double x) { return x; }), kMean, 1e-12);
  const double least = divergence(data, normal_of(kMean, kVariance));
  for (const double step : {-1e-2, 1e-2}) {
    CHECK(divergence(data, normal_of(kMean + step, kVariance)) > least);
    CHECK(divergence(data, normal_of(kMean, kVariance + step)) > least);
  }
}

TEST_CASE("(MLE.4) mistake: the divergence the other way round") {
  // The larger hump alone is nearer than the moments.
  const double covering = divergence(normal_of(kMean, kVariance), data);
  const double picking = divergence(normal_of(1.5, 0.5), data);
  CHECK(picking < 0.5 * covering);
  CHECK(divergence(data, normal_of(1.5, 0.5)) > divergence(data, normal_of(kMean, kVariance)));
}

TEST_CASE("(MLE.4) mistake: the unbiased variance") {
  const std::vector<double> set = {0.3, -1.2, 2.1, 0.4, -0.6};
  double mean = 0, squares = 0;
  for (const double x : set) mean += x / 5;
  for (const double x : set) squares += (x - mean) * (x - mean);
  const auto likelihood = [&](double variance) {
    double sum = 0;
    for (const double x : set) sum += std::log(normal_density(x, mean, variance));
    return sum;
  };
  CHECK(likelihood(squares / 5) > likelihood(squares / 4));
}

TEST_CASE("(MLE.5) with a fixed variance the log-likelihood is a squared error") {
  Random random(1);
  const Tensor y = random.normal({7}), f = random.normal({7});
  const double v = 0.6;
  double log_likelihood = 0, squared_error = 0;
  for (Index i = 0; i < 7; ++i) {
    const double a = static_cast<double>(y.at({i})), b = static_cast<double>(f.at({i}));
    log_likelihood += std::log(normal_density(a, b, v));
    squared_error += (a - b) * (a - b);
  }
  check_near(-log_likelihood, squared_error / (2 * v) + 3.5 * std::log(2 * std::numbers::pi * v),
             1e-12);
}

TEST_CASE("(MLE.6) bits of a byte from the density of a number") {
  // The mean over all bytes of -log2 P, P by integration over the byte's step, against the density.
  constexpr double kDelta = 2.0 / 255, kSpread = 0.09;
  double bits = 0, from_density = 0, total = 0;
  for (int byte = -127; byte <= 382; ++byte) {
    const double x = -1 + byte * kDelta, root = std::sqrt(2 * kSpread);
    const double p = (std::erf((x + kDelta / 2) / root) - std::erf((x - kDelta / 2) / root)) / 2;
    if (p < 1e-12) continue;
    bits -= p * std::log2(p);
    from_density +=
        p * (-std::log(normal_density(x, 0, kSpread)) + std::log(255. / 2)) / std::log(2);
    total += p;
  }
  check_near(total, 1, 1e-8);
  check_near(bits, from_density, 1e-4);
}

}  // namespace ink::test
