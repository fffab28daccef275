// Chapters 12 and 17 of the derivations: normal distributions, and the bound of DDPM.
#include <cmath>
#include <numbers>

#include "diffusion/loss.h"
#include "tests/support/diffusion.h"
#include "tests/support/gaussian_data.h"

namespace ink::test {
namespace {

double log_density(double x, double mean, double variance) {
  return -(x - mean) * (x - mean) / (2 * variance) - std::log(2 * std::numbers::pi * variance) / 2;
}
double density(double x, double mean, double variance) {
  return std::exp(log_density(x, mean, variance));
}

// The integral of f over -20 ... 20 by the trapezoid rule, exact to rounding for f made of normal
// densities of deviation 0.1 and more.
template <class F>
double integral(const F& f) {
  constexpr double kStep = 1e-2;
  double sum = 0;
  for (int i = -2000; i <= 2000; ++i) sum += f(i * kStep);
  return sum * kStep;
}

double kl(double m, double v, double n, double w) {
  return (v / w - 1 - std::log(v / w)) / 2 + (m - n) * (m - n) / (2 * w);
}

double snr(Index t) { return paper().alpha_bar[at(t)] / (1 - paper().alpha_bar[at(t)]); }

// The weight of the bound.
double weight(Index t, double variance) {
  const double beta = paper().beta[at(t)];
  return beta * beta / (2 * variance * paper().alpha[at(t)] * (1 - paper().alpha_bar[at(t)]));
}

}  // namespace

TEST_SUITE_BEGIN("derivations");

// ---- 12. Normal distributions ----------------------------------------------------------------

TEST_CASE("(G.1) (G.2) (G.3) normal numbers, scaled, shifted and added") {
  check_near(integral([](double x) { return density(x, 0.5, 2); }), 1, 1e-12, "total");
  for (const double y : {-1.5, 0.0, 2.0}) {
    const double a = -0.7, b = 0.3;
    check_near(density((y - b) / a, 0.5, 2) / std::fabs(a), density(y, a * 0.5 + b, a * a * 2),
               1e-12, "a x + b");
    const double sum =
        integral([y](double x) { return density(x, 0.5, 2) * density(y - x, -1, 0.3); });
    check_near(sum, density(y, -0.5, 2.3), 1e-12, "x + y");
  }
}

TEST_CASE("(G.3) mistake: deviations added") {
  Random random(1);
  const Tensor sum = random.normal({10'000}) + random.normal({10'000});
  check_normal(sum, 0, 2);
  CHECK(moments(sum).variance < 2.2);  // not 4
}

TEST_CASE("(G.4) (G.5) products of densities, and one number given the other") {
  const double m = 0.4, v = 0.5, n = -1.1, w = 2, u = v * w / (v + w), c = u * (m / v + n / w);
  const double cov = 0.6, det = v * w - cov * cov;
  for (const double x : {-1.0, 0.2, 1.7}) {
    check_near(density(x, m, v) * density(x, n, w), density(m, n, v + w) * density(x, c, u), 1e-12,
               "product");
    for (const double y : {-0.8, 1.3}) {
      const double joint = std::exp(-(w * x * x - 2 * cov * x * y + v * y * y) / (2 * det)) /
                           (2 * std::numbers::pi * std::sqrt(det));
      check_near(joint, density(y, 0, w) * density(x, cov / w * y, v - cov * cov / w), 1e-12,
                 "conditional");
    }
  }
}

TEST_CASE("(G.6) (G.7) (DDPM.12) the divergence of normal distributions, by integration") {
  const auto integrated = [](double m, double v, double n, double w) {
    return integral(
        [&](double x) { return density(x, m, v) * (log_density(x, m, v) - log_density(x, n, w)); });
  };
  check_near(kl(0.4, 0.5, -0.3, 1.2), integrated(0.4, 0.5, -0.3, 1.2), 1e-12, "general");
  check_near(kl(0.4, 0.5, -0.3, 0.5), integrated(0.4, 0.5, -0.3, 0.5), 1e-12, "equal variance");
  check_near(kl(0.4, 0.5, -0.3, 0.5), 0.7 * 0.7 / (2 * 0.5), 1e-12, "a squared distance");
  CHECK(kl(0.4, 0.5, 0.4, 0.5) == 0);
}

TEST_CASE("(G.8) the entropy of a normal distribution, by integration") {
  for (const double v : {0.02, 0.5, 3.0}) {
    const double entropy =
        integral([v](double x) { return -density(x, 0.3, v) * log_density(x, 0.3, v); });
    check_near(entropy, std::log(2 * std::numbers::pi * std::numbers::e * v) / 2, 1e-12);
  }
}

// A covariance matrix of two components.
struct Covariance {
  double v, w, c;

  double det() const { return v * w - c * c; }
  // a^T M^{-1} a
  double form(double a, double b) const { return (w * a * a - 2 * c * a * b + v * b * b) / det(); }
  double log_density(double a, double b) const {
    return -form(a, b) / 2 - std::log(2 * std::numbers::pi) - std::log(det()) / 2;
  }
};

TEST_CASE("(G.9) the divergence with correlations, by integration") {
  const Covariance P{0.8, 1.5, 0.6}, Q{2, 0.9, -0.5};
  const double m[2] = {0.4, -0.3}, n[2] = {-0.2, 0.5};
  constexpr double kStep = 0.05;  // the rule is exact to rounding here too
  double sum = 0;
  for (int i = -250; i <= 250; ++i) {
    for (int j = -250; j <= 250; ++j) {
      const double x = i * kStep, y = j * kStep;
      const double log_p = P.log_density(x - m[0], y - m[1]);
      sum += kStep * kStep * std::exp(log_p) * (log_p - Q.log_density(x - n[0], y - n[1]));
    }
  }
  const double trace = (Q.w * P.v - 2 * Q.c * P.c + Q.v * P.w) / Q.det();
  const double form = Q.form(m[0] - n[0], m[1] - n[1]);
  check_near(sum, (trace - 2 + std::log(Q.det() / P.det()) + form) / 2, 1e-11);
  // Without correlations it is a sum over the components.
  const Covariance A{0.8, 1.5, 0}, B{2, 0.9, 0};
  const double diagonal =
      (A.v / B.v + A.w / B.w - 2 + std::log(B.det() / A.det()) + B.form(m[0] - n[0], m[1] - n[1])) /
      2;
  check_near(diagonal, kl(m[0], A.v, n[0], B.v) + kl(m[1], A.w, n[1], B.w), 1e-12, "diagonal");
}

TEST_CASE("(G.6) mistake: KL taken as symmetric") {
  CHECK(kl(0, 1, 0, 0.1) > 3);    // too narrow
  CHECK(kl(0, 0.1, 0, 1) < 0.8);  // too wide
}

// ---- 17. The bound ---------------------------------------------------------------------------

// The brackets of (DDPM.6) and (DDPM.10) for one path, with the model N(mean(x_t, t), beta_t).
struct Brackets {
  double before = 0, after = 0;
};
template <class Mean>
Brackets brackets(const Schedule& s, const std::vector<double>& x, const Mean& mean) {
  Brackets sum;
  const double end = s.alpha_bar[at(s.T)];
  sum.before = -log_density(x[at(s.T)], 0, 1);
  sum.after = log_density(x[at(s.T)], std::sqrt(end) * x[0], 1 - end) + sum.before;
  for (Index t = 1; t <= s.T; ++t) {
    const double beta = s.beta[at(t)], alpha = s.alpha[at(t)], now = s.alpha_bar[at(t)],
                 last = s.alpha_bar[at(t - 1)], x_t = x[at(t)], u = x[at(t - 1)];
    const double model = log_density(u, mean(x_t, t), beta);
    sum.before -= model - log_density(x_t, std::sqrt(alpha) * u, beta);
    sum.after -= model;
    const double posterior =
        std::sqrt(alpha) * (1 - last) / (1 - now) * x_t + std::sqrt(last) * beta / (1 - now) * x[0];
    if (t > 1) sum.after += log_density(u, posterior, s.beta_tilde[at(t)]);
  }
  return sum;
}

std::vector<double> path(std::uint64_t seed, Index T) {
  std::vector<double> x;
  for (const Real value : Random(seed).normal({T + 1}).to_vector()) x.push_back(value);
  return x;
}

TEST_CASE("(DDPM.1) (DDPM.2) (DDPM.6) (DDPM.7) (DDPM.8) (DDPM.9) (DDPM.10) the telescope") {
  const Schedule s = Schedule::linear(20, 0.02, 0.3);
  for (const std::uint64_t seed : {1, 2, 3}) {
    const auto mean = [](double x, Index t) { return 0.8 * x + 0.01 * static_cast<double>(t); };
    const Brackets got = brackets(s, path(seed, s.T), mean);
    check_near(got.before, got.after, 1e-12 * std::fabs(got.before), "path");
  }
}

TEST_CASE("(DDPM.3) (DDPM.4) (DDPM.5) the bound and its gap") {
  // For data N(0, 1) the model that goes back exactly has no gap, on no path.
  const Schedule s = Schedule::linear(20, 0.02, 0.3);
  const std::vector<double> x = path(4, s.T);
  const auto exact = [&](double x_t, Index t) { return std::sqrt(s.alpha[at(t)]) * x_t; };
  const double got = brackets(s, x, exact).before;
  check_near(got, -log_density(x[0], 0, 1), 1e-12 * 20 * std::fabs(got), "no gap");

  // Of one step: x_1 ~ N(0, 1), x_0 ~ N(a x_1, v).
  const double alpha = 0.6, beta = 0.4, a = 0.9, v = 0.3, x0 = 0.7;
  const double signal = std::sqrt(alpha) * x0, error = x0 - a * signal;
  const double bound = kl(signal, beta, 0, 1) + (error * error + a * a * beta) / (2 * v) +
                       std::log(2 * std::numbers::pi * v) / 2;
  const double u = 1 / (1 + a * a / v), gap = kl(signal, beta, u * a * x0 / v, u);
  check_near(bound, -log_density(x0, 0, a * a + v) + gap, 1e-12, "bound = -log p + gap");
  CHECK(gap > 0);
}

TEST_CASE("(DDPM.11) mistake: a divergence at t = 1") {
  CHECK(std::isinf(kl(0, paper().beta_tilde[1], 0, paper().beta[1])));
  CHECK(std::isfinite(kl(0, paper().beta_tilde[2], 0, paper().beta[2])));
}

TEST_CASE("(DDPM.13) (DDPM.14) (DDPM.15) (DDPM.16) (DDPM.17) (DDPM.18) from mu to x_0 to eps") {
  const double x0 = 0.3, eps = -0.8, guess = 0.5;
  for (const Index t : {2, 3, 10, 100, 1000}) {
    const double now = paper().alpha_bar[at(t)], last = paper().alpha_bar[at(t - 1)];
    const double beta = paper().beta[at(t)], variance = paper().beta_tilde[at(t)];
    const double x_t = std::sqrt(now) * x0 + std::sqrt(1 - now) * eps;
    const double guess_x0 = (x_t - std::sqrt(1 - now) * guess) / std::sqrt(now);
    const auto mean = [&](double image) {
      return (std::sqrt(paper().alpha[at(t)]) * (1 - last) * x_t + std::sqrt(last) * beta * image) /
             (1 - now);
    };
    const double expected = weight(t, variance) * (eps - guess) * (eps - guess);
    const double by_mu = kl(mean(x0), variance, mean(guess_x0), variance);
    const double by_x0 = (snr(t - 1) - snr(t)) / 2 * (x0 - guess_x0) * (x0 - guess_x0);
    // The difference of two means, or of two ratios, loses digits.
    check_near(by_mu / expected, 1, 1e-9, "by mu");
    check_near(by_x0 / expected, 1, 1e-9, "by x_0 and the SNR");
  }
}

TEST_CASE("(DDPM.17) mistake: equal weights taken for the bound's") {
  const auto w = [](Index t) { return weight(t, paper().beta[at(t)]); };
  check_near(w(1) / w(100), 50, 1, "the bound cares for the first steps");
}

TEST_CASE("(DDPM.19) one random t is an unbiased estimate") {
  const Index n = 100'000;
  double sum = 0, squares = 0, estimate = 0;
  for (Index t = 1; t <= 1000; ++t) {
    const double w = weight(t, paper().beta[at(t)]);
    sum += w, squares += w * w;
  }
  for (const Real t : Random(5).uniform_int(1, 1000, {n}).to_vector()) {
    const auto time = static_cast<Index>(t);
    estimate += 1000 * weight(time, paper().beta[at(time)]) / static_cast<double>(n);
  }
  check_near(estimate, sum, 5 * std::sqrt(1000 * squares / static_cast<double>(n)), "the sum");
}

TEST_CASE("(DDPM.20) the probabilities of 256 bytes add up to 1") {
  const double mean = 0.93, deviation = 0.1;
  const auto below = [&](double u) { return std::erfc((mean - u) / deviation / std::sqrt(2)) / 2; };
  double total = 0, near_white = 0;
  for (int byte = 0; byte <= 255; ++byte) {
    const double u = byte / 127.5 - 1;
    const double upper = byte == 255 ? 1 : below(u + 1 / 255.);
    const double p = upper - (byte == 0 ? 0 : below(u - 1 / 255.));
    total += p;
    if (byte == 255) near_white = p;
  }
  check_near(total, 1, 1e-12, "total");
  CHECK(near_white > 0.2);  // all that lies above 1 belongs to white
}

// E (eps - k x_t)^2 for data N(0, S^2).
double loss_of_slope(const GaussianData& data, Index t, double k) {
  const double now = paper().alpha_bar[at(t)];
  return 1 - 2 * k * std::sqrt(1 - now) + k * k * data.variance(now);
}

TEST_CASE("(DDPM.21) the simple loss, and its minimum") {
  const GaussianData data{0, 0.5};
  const Index n = 50'000;
  Random random(6);
  const NoisedBatch batch = add_noise(paper(), scaled(data.s, random.normal({n})), random);
  std::vector<Real> predicted;
  const std::vector<Real> x_t = batch.x_t.to_vector(), t = batch.t.to_vector();
  for (std::size_t i = 0; i < x_t.size(); ++i) {
    const double slope = data.slope(paper().alpha_bar[static_cast<std::size_t>(t[i])]);
    predicted.push_back(static_cast<Real>(slope) * x_t[i]);
  }
  const Tensor best = Tensor::from(predicted, {n});
  const Network network = [&](const Tensor&, const Tensor&) { return Variable(best); };
  const double loss = static_cast<double>(simple_loss(network, batch).value().item());
  const Tensor error = batch.eps - best;
  check_near(loss, inner(error, error) / static_cast<double>(n), rounding(n), "mean square");

  double least = 0, squares = 0;
  for (Index time = 1; time <= 1000; ++time) {
    const double now = paper().alpha_bar[at(time)], k = data.slope(now);
    const double rest = now * data.s * data.s / data.variance(now);
    check_near(loss_of_slope(data, time, k), rest, 1e-12, "minimum");
    CHECK(loss_of_slope(data, time, k * 1.1) > rest);
    CHECK(loss_of_slope(data, time, k * 0.9) > rest);
    least += rest / 1000, squares += rest * rest / 1000;
  }
  check_near(loss, least, 5 * std::sqrt(3 * squares / static_cast<double>(n)), "mean over t");
}

TEST_CASE("(DDPM.21) mistake: a network that ignores t") {
  const GaussianData data{0, 0.1};  // a pixel that is nearly always the same
  double cross = 0, variance = 0, best = 0;
  for (Index t = 1; t <= 1000; ++t) {
    const double now = paper().alpha_bar[at(t)];
    cross += std::sqrt(1 - now) / 1000, variance += data.variance(now) / 1000;
    best += loss_of_slope(data, t, data.slope(now)) / 1000;
  }
  const double ignoring = 1 - cross * cross / variance;  // of the best slope for all t
  CHECK(ignoring > 1.5 * best);
}

TEST_CASE("(DDPM.21) mistake: the noise of the last step as the target") {
  const Index n = 50'000, t = 500;
  Random random(7);
  const double now = paper().alpha_bar[t], last = paper().alpha_bar[t - 1];
  const Tensor z = random.normal({n});
  const Tensor eps =
      scaled(std::sqrt(paper().alpha[t] * (1 - last) / (1 - now)), random.normal({n})) +
      scaled(std::sqrt(paper().beta[t] / (1 - now)), z);
  const double slope = inner(z, eps) / inner(eps, eps);
  check_near(slope, std::sqrt(paper().beta[t] / (1 - now)), 5 / std::sqrt(n), "slope");
  CHECK(slope < 0.15);
}

TEST_SUITE_END();

TEST_CASE(
    "(DDPM.22) the error of v is that of eps over alpha_bar; the loss weighs it up to a limit") {
  const Index n = 64;
  Random random(7);
  const Tensor x0 = random.normal({n, 3});
  const NoisedBatch batch = add_noise(paper(), x0, random);
  const Tensor wrong = batch.eps + random.normal({n, 3});
  const Network network = [&](const Tensor&, const Tensor&) { return Variable(wrong); };
  const auto t = batch.t.to_vector(), eps = batch.eps.to_vector(), e = wrong.to_vector(),
             image = x0.to_vector();

  double sum = 0, plain = 0;
  for (std::size_t i = 0; i < eps.size(); ++i) {
    const double now = paper().alpha_bar[static_cast<std::size_t>(t[i / 3])];
    const double signal = std::sqrt(now), noise = std::sqrt(1 - now);
    const double error = double(e[i]) - double(eps[i]);
    // v of the prediction, whose image follows from x_t, against the true one.
    const double x = signal * double(image[i]) + noise * double(eps[i]);
    const double guess = (x - noise * double(e[i])) / signal;
    const double v = signal * double(eps[i]) - noise * double(image[i]);
    const double v_guess = signal * double(e[i]) - noise * guess;
    check_near((v_guess - v) * (v_guess - v), error * error / now,
               1e-9 * error * error / now + 1e-12, "the squared error of v");
    sum += std::min(1 / now, 5.) * error * error;
    plain += error * error;
  }
  const auto count = static_cast<double>(eps.size());
  const auto loss = [&](double limit) {
    return static_cast<double>(weighted_loss(paper(), limit, network, batch).item());
  };
  check_near(loss(5), sum / count, 1e-5 * sum / count, "the weighted loss");
  check_near(loss(1), plain / count, 1e-5 * plain / count, "at limit 1");
  CHECK(loss(1) == static_cast<double>(simple_loss(network, batch).item()));
  CHECK_THROWS_AS(loss(0.5), Error);
}

}  // namespace ink::test
