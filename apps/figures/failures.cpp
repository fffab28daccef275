#include "apps/figures/failures.h"

#include <cmath>

#include "apps/figures/formulas.h"
#include "tensor/ops.h"

namespace ink::apps {
namespace {

constexpr Index kSteps = 100;

Tensor scaled(double a, const Tensor& x) { return static_cast<Real>(a) * x; }

std::vector<double> merged_steps(const std::vector<Index>& times) {
  const Schedule fine = Schedule::linear();
  std::vector<double> beta;
  for (std::size_t i = 1; i < times.size(); ++i)
    beta.push_back(1 - fine.alpha_bar[at(times[i])] / fine.alpha_bar[at(times[i - 1])]);  // (FWD.6)
  return beta;
}

std::vector<Index> upward(std::vector<Index> times) {
  times.push_back(0);
  return {times.rbegin(), times.rend()};
}

// From noise down to x_0: `step` leads from x_k to x_{k-1}, given eps there and fresh noise.
template <class Step>
Tensor walk(const EpsTheta& eps_theta, const Shape& shape, Random& random, const Step& step) {
  const CoarseGrid grid(kSteps);
  Tensor x = random.normal(shape);
  for (Index k = kSteps; k >= 1; --k) {
    const Tensor z = random.normal(shape);
    const Tensor t = Tensor::full({shape[0]}, static_cast<Real>(grid.times[at(k)]));
    x = step(grid.schedule, x, k, eps_theta(x, t), z);
  }
  return x;
}

// Algorithm 2 with the deviation `sigma(schedule, k)` of the noise.
template <class Sigma>
Tensor walk_with(const EpsTheta& eps_theta, const Shape& shape, Random& random,
                 const Sigma& sigma) {
  return walk(eps_theta, shape, random,
              [&](const Schedule& s, const Tensor& x, Index k, const Tensor& eps, const Tensor& z) {
                const Tensor x0 = clamp(predict_x0(s, x, k, eps), -1, 1);
                return q_posterior(s, x0, x, k).mean + scaled(sigma(s, k), z);
              });
}

Tensor right(const EpsTheta& eps_theta, const Shape& shape, Random& random) {
  return walk_with(eps_theta, shape, random,
                   [](const Schedule& s, Index k) { return std::sqrt(s.beta_tilde[at(k)]); });
}

Tensor noise_in_the_last_step(const EpsTheta& eps_theta, const Shape& shape, Random& random) {
  return walk_with(eps_theta, shape, random,
                   [](const Schedule& s, Index k) { return std::sqrt(s.beta[at(k)]); });
}

Tensor no_noise(const EpsTheta& eps_theta, const Shape& shape, Random& random) {
  return walk_with(eps_theta, shape, random, [](const Schedule&, Index) { return 0.0; });
}

Tensor variance_as_deviation(const EpsTheta& eps_theta, const Shape& shape, Random& random) {
  return walk_with(eps_theta, shape, random,
                   [](const Schedule& s, Index k) { return s.beta_tilde[at(k)]; });
}

Tensor all_noise_at_once(const EpsTheta& eps_theta, const Shape& shape, Random& random) {
  // eps taken for the noise of the last step alone.
  return walk(eps_theta, shape, random,
              [](const Schedule& s, const Tensor& x, Index k, const Tensor& eps, const Tensor& z) {
                const Tensor mean = scaled(1 / std::sqrt(s.alpha[at(k)]),
                                           x - scaled(std::sqrt(s.beta[at(k)]), eps));
                return mean + scaled(std::sqrt(s.beta_tilde[at(k)]), z);
              });
}

Tensor coefficients_exchanged(const EpsTheta& eps_theta, const Shape& shape, Random& random) {
  // x_0 and x_t in each other's place in the posterior's mean.
  return walk(eps_theta, shape, random,
              [](const Schedule& s, const Tensor& x, Index k, const Tensor& eps, const Tensor& z) {
                const Tensor x0 = clamp(predict_x0(s, x, k, eps), -1, 1);
                return q_posterior(s, x, x0, k).mean + scaled(std::sqrt(s.beta_tilde[at(k)]), z);
              });
}

Tensor alpha_for_alpha_bar(const EpsTheta& eps_theta, const Shape& shape, Random& random) {
  // DDIM's paper calls alpha what DDPM calls alpha_bar.
  return walk(eps_theta, shape, random,
              [](const Schedule& s, const Tensor& x, Index k, const Tensor& eps, const Tensor&) {
                const double now = s.alpha[at(k)], next = s.alpha[at(k - 1)];
                const Tensor x0 =
                    clamp(scaled(1 / std::sqrt(now), x - scaled(std::sqrt(1 - now), eps)), -1, 1);
                return scaled(std::sqrt(next), x0) + scaled(std::sqrt(1 - next), eps);
              });
}

Tensor time_ignored(const EpsTheta& eps_theta, const Shape& shape, Random& random) {
  // As a network that was never told the time: one answer for all noise levels.
  const EpsTheta blind = [&eps_theta](const Tensor& x, const Tensor& t) {
    return eps_theta(x, Tensor::full(t.shape(), Real(300)));
  };
  return right(blind, shape, random);
}

Tensor ends_of_another_schedule(const EpsTheta& eps_theta, const Shape& shape, Random& random) {
  // beta from 1e-4 to 0.02 in 100 steps: the sampler starts from noise where an image should be.
  const Schedule s = Schedule::linear(kSteps);
  Tensor x = random.normal(shape);
  for (Index k = kSteps; k >= 1; --k) {
    const Tensor z = random.normal(shape);
    const Tensor eps = eps_theta(x, Tensor::full({shape[0]}, static_cast<Real>(k)));
    x = p_sample_x0(s, x, k, eps, z, {.variance = Variance::beta_tilde, .clamp_x0 = true});
  }
  return x;
}

Tensor mapped_twice(const EpsTheta& eps_theta, const Shape& shape, Random& random) {
  // Mapped to [0, 1], then saved by a function that expects [-1, 1].
  return scaled(0.5, right(eps_theta, shape, random) + Real(1));
}

Tensor not_mapped(const EpsTheta& eps_theta, const Shape& shape, Random& random) {
  // [-1, 1] saved as if it were [0, 1]: what is below 0 is lost.
  return scaled(2, clamp(right(eps_theta, shape, random), 0, 1)) - Real(1);
}

Tensor bytes_without_a_clamp(const EpsTheta& eps_theta, const Shape& shape, Random& random) {
  // A byte keeps a number modulo 256.
  const Tensor x =
      walk(eps_theta, shape, random,
           [](const Schedule& s, const Tensor& x_k, Index k, const Tensor& eps, const Tensor& z) {
             return p_sample(s, x_k, k, eps, z, Variance::beta_tilde);
           });
  std::vector<Real> wrapped = x.to_vector();
  for (Real& value : wrapped) {
    const double byte = std::round((static_cast<double>(value) + 1) * 127.5);
    value = static_cast<Real>((byte - 256 * std::floor(byte / 256)) / 127.5 - 1);
  }
  return Tensor::from(wrapped, x.shape());
}

}  // namespace

CoarseGrid::CoarseGrid(Index steps)
    : schedule(Schedule::from_beta(merged_steps(upward(ddim_times(1000, steps))))),
      times(upward(ddim_times(1000, steps))) {}

const std::vector<Failure>& all_failures() {
  static const std::vector<Failure> failures = {
      {"right", "nothing", right},
      {"last_noise", "noise in the last step too", noise_in_the_last_step},
      {"no_noise", "no noise in any step", no_noise},
      {"variance", "sigma^2 z in place of sigma z", variance_as_deviation},
      {"all_noise", "eps taken for the noise of one step", all_noise_at_once},
      {"exchanged", "x_0 and x_t exchanged in the posterior's mean", coefficients_exchanged},
      {"alpha", "alpha in place of alpha_bar in DDIM's step", alpha_for_alpha_bar},
      {"time", "one time for all steps", time_ignored},
      {"schedule", "the ends of 1000 steps for 100", ends_of_another_schedule},
      {"mapped_twice", "mapped to [0, 1] and then once more", mapped_twice},
      {"not_mapped", "[-1, 1] saved as if it were [0, 1]", not_mapped},
      {"wrapped", "bytes without a clamp", bytes_without_a_clamp}};
  return failures;
}

}  // namespace ink::apps
