// Chapter 22 of the derivations: guidance.
#include <cmath>

#include "tests/support/diffusion.h"
#include "tests/support/gaussian_data.h"

namespace ink::test {
namespace {

constexpr double kWeight = 2.5;

// eps of one number at time t.
double eps_at(const EpsTheta& eps, double x, Index t) {
  const Tensor result = eps(number(x), Tensor::full({1}, static_cast<Real>(t)));
  return static_cast<double>(result.item());
}

// What a sampler makes of N(0, 1): the variance of x_0 after 1000 steps with the factor of x_t that
// eps has at each time. (SAMP.1)
double sampled_variance(const EpsTheta& eps) {
  double v = 1;
  for (Index t = 1000; t >= 1; --t) {
    const double slope = eps_at(eps, 1, t);
    const double weight = paper().beta[at(t)] / std::sqrt(1 - paper().alpha_bar[at(t)]) * slope;
    const double scale = (1 - weight) / std::sqrt(paper().alpha[at(t)]);
    v = scale * scale * v + (t == 1 ? 0 : paper().beta_tilde[at(t)]);
  }
  return v;
}

}  // namespace

TEST_SUITE_BEGIN("derivations");

TEST_CASE("(CFG.1) (CFG.2) guidance adds the scores with weights whose sum is 1") {
  // Densities of x_t for two kinds of data; guidance takes p^w q^(1 - w).
  const GaussianData p{1.5, 0.6}, q{0.2, 0.9};
  const EpsTheta eps = guided(p.eps_theta(paper()), q.eps_theta(paper()), kWeight);
  for (const Index t : kTimes) {
    const double alpha_bar = paper().alpha_bar[at(t)];
    const auto log_density = [&](const GaussianData& data, double x) {
      const double d = x - data.mean(alpha_bar);
      return -d * d / (2 * data.variance(alpha_bar));
    };
    const auto guided_log = [&](double x) {
      return kWeight * log_density(p, x) + (1 - kWeight) * log_density(q, x);
    };
    // A quadratic function: its central difference is exact but for rounding.
    const double x = 0.7, h = 1e-3;
    const double score = (guided_log(x + h) - guided_log(x - h)) / (2 * h);
    check_near(eps_at(eps, x, t), -std::sqrt(1 - alpha_bar) * score, 1e-9 + 40 * rounding(),
               "eps is the score times -sqrt(1 - alpha_bar)");
  }
  // No guidance.
  const EpsTheta alone = guided(p.eps_theta(paper()), q.eps_theta(paper()), 1);
  CHECK(eps_at(alone, 0.7, 500) == eps_at(p.eps_theta(paper()), 0.7, 500));
}

TEST_CASE("(CFG.1) mistake: a plus sign") {
  const GaussianData p{1.5, 0.6}, q{0.2, 0.9};
  const double x = 0.7, w = kWeight;
  const Index t = 300;
  const double eps = eps_at(p.eps_theta(paper()), x, t), weak = eps_at(q.eps_theta(paper()), x, t);
  const double right = eps_at(guided(p.eps_theta(paper()), q.eps_theta(paper()), w), x, t);
  check_near(weak + w * (eps - weak), right, 10 * rounding(), "eps_weak + w (eps - eps_weak)");
  CHECK(std::fabs(w * eps + (w - 1) * weak - right) > 0.5);
  // Where both say the same, guidance must do nothing; the plus sign makes the noise 2 w - 1 times
  // as large.
  check_near(w * eps - (w - 1) * eps, eps, 1e-12, "nothing");
  check_near(w * eps + (w - 1) * eps, (2 * w - 1) * eps, 1e-12, "four times");
}

TEST_CASE("(CFG.3) guidance of normal data adds precisions") {
  const GaussianData p{0, 0.5}, q{0, 0.8};
  const EpsTheta eps = guided(p.eps_theta(paper()), q.eps_theta(paper()), kWeight);
  for (const Index t : kTimes) {
    const double alpha_bar = paper().alpha_bar[at(t)];
    const double precision =
        kWeight / p.variance(alpha_bar) - (kWeight - 1) / q.variance(alpha_bar);
    CHECK(precision > 1 / p.variance(alpha_bar));  // sharper than p
    check_near(eps_at(eps, 1, t), std::sqrt(1 - alpha_bar) * precision, 1e-12 + 40 * rounding());
  }
  CHECK(sampled_variance(eps) < 0.9 * 0.5 * 0.5);
}

TEST_CASE("(CFG.2) mistake: samples of the guided density") {
  // At t = 0 the guided density has this variance. Its own noised densities are not those that
  // guidance steps through, and what comes out lies between it and p.
  const GaussianData p{0, 0.5}, q{0, 0.8};
  const double at_0 = 1 / (kWeight / (0.5 * 0.5) - (kWeight - 1) / (0.8 * 0.8));
  const EpsTheta eps = guided(p.eps_theta(paper()), q.eps_theta(paper()), kWeight);
  const double sampled = sampled_variance(eps);
  // (A thousand steps with the smaller variance of the two lose about 2 %.)
  check_near(sampled_variance(GaussianData{0, std::sqrt(at_0)}.eps_theta(paper())), at_0,
             0.03 * at_0, "its own eps gives the density");
  CHECK(std::fabs(sampled / at_0 - 1) > 0.1);
}

TEST_CASE("(CFG.3) mistake: a guide that is narrower") {
  // Exchanged, the precision falls, to less than none with a larger weight.
  const GaussianData p{0, 0.5}, q{0, 0.8};
  CHECK(kWeight / q.variance(1) - (kWeight - 1) / p.variance(1) < 0);
  CHECK(sampled_variance(guided(q.eps_theta(paper()), p.eps_theta(paper()), kWeight)) > 1);
}

TEST_CASE("(CFG.4) errors that both share cancel, others grow") {
  // eps* + e and eps* + c e + r, with e and r random and independent.
  Random random(3);
  constexpr Index kCount = 200'000;
  const double c = 1.5, size_e = 0.3, size_r = 0.1;
  const Tensor best = random.normal({kCount}), e = scaled(size_e, random.normal({kCount})),
               r = scaled(size_r, random.normal({kCount}));
  const auto constant = [](const Tensor& value) {
    return EpsTheta([value](const Tensor&, const Tensor&) { return value; });
  };
  const auto mean_square = [&](double w) {
    const Tensor eps = guided(constant(best + e), constant(best + scaled(c, e) + r), w)(best, best);
    const Tensor error = eps - best;
    return inner(error, error) / static_cast<double>(kCount);
  };
  const auto expected = [&](double w) {
    const double left = 1 - (w - 1) * (c - 1), grown = w - 1;
    return left * left * size_e * size_e + grown * grown * size_r * size_r;
  };
  // A mean of n squares is off by sqrt(2 / n) of itself, and the product of e and r by less.
  for (const double w : {1.0, 1.5, 2.5, 3.0, 6.0})
    check_near(mean_square(w), expected(w), 6 * std::sqrt(2.0 / kCount) * expected(w));
  // Where the sum is smallest.
  const double e2 = size_e * size_e, r2 = size_r * size_r;
  const double best_w = 1 + (c - 1) * e2 / ((c - 1) * (c - 1) * e2 + r2);
  CHECK(expected(best_w) < std::min(expected(best_w - 0.01), expected(best_w + 0.01)));
  CHECK(expected(best_w) < expected(1));
}

}  // namespace ink::test
