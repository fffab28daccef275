// Data x_0 ~ N(m, s^2): the best eps(x, t) has a closed form, and every sampler is an affine map
// of its noise.
#pragma once

#include <cmath>
#include <vector>

#include "diffusion/samplers.h"
#include "tensor/ops.h"

namespace ink::test {

struct GaussianData {
  double m, s;

  // The moments of x_t.
  double mean(double alpha_bar) const { return std::sqrt(alpha_bar) * m; }
  double variance(double alpha_bar) const { return alpha_bar * s * s + 1 - alpha_bar; }
  // E[eps | x_t = x] = slope (x - mean(x_t)).
  double slope(double alpha_bar) const { return std::sqrt(1 - alpha_bar) / variance(alpha_bar); }

  EpsTheta eps_theta(const Schedule& schedule) const {
    return [schedule, data = *this](const Tensor& x, const Tensor& t) {
      const double alpha_bar = schedule.alpha_bar[static_cast<std::size_t>(t.at({0}))];
      return (x - static_cast<Real>(data.mean(alpha_bar))) *
             static_cast<Real>(data.slope(alpha_bar));
    };
  }
};

// x_s = scale x_t + shift + deviation z.
struct AffineStep {
  double scale, shift, deviation;
};

// One step of Algorithm 2 with the best eps. (SAMP.1)
inline AffineStep ddpm_affine(const Schedule& schedule, Index t, const GaussianData& data,
                              Variance variance) {
  const auto i = static_cast<std::size_t>(t);
  const double alpha_bar = schedule.alpha_bar[i], root = std::sqrt(schedule.alpha[i]);
  const double weight = schedule.beta[i] / std::sqrt(1 - alpha_bar) * data.slope(alpha_bar);
  const double sigma2 = variance == Variance::beta ? schedule.beta[i] : schedule.beta_tilde[i];
  return {(1 - weight) / root, weight * data.mean(alpha_bar) / root,
          t == 1 ? 0 : std::sqrt(sigma2)};
}

// One step of DDIM from t to s with the best eps. (DDIM.3)
inline AffineStep ddim_affine(const Schedule& schedule, Index t, Index s, const GaussianData& data,
                              double eta) {
  const double now = schedule.alpha_bar[static_cast<std::size_t>(t)],
               next = schedule.alpha_bar[static_cast<std::size_t>(s)];
  const double sigma2 = eta * eta * (1 - next) / (1 - now) * (1 - now / next);
  const double of_x = std::sqrt(next / now);
  const double of_eps = std::sqrt(1 - next - sigma2) - of_x * std::sqrt(1 - now);
  const double scale = of_x + of_eps * data.slope(now);
  return {scale, -of_eps * data.slope(now) * data.mean(now), std::sqrt(sigma2)};
}

}  // namespace ink::test
