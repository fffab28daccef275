#include "diffusion/samplers.h"

#include <cmath>

#include "tensor/check.h"
#include "tensor/ops.h"

namespace ink {
namespace {

double sigma(const Schedule& schedule, Index t, Variance variance) {
  const auto i = static_cast<std::size_t>(t);
  if (t == 1) return 0;
  return std::sqrt(variance == Variance::beta ? schedule.beta[i] : schedule.beta_tilde[i]);
}

// a x + b y in one pass.
Tensor blend(double a, const Tensor& x, double b, const Tensor& y) {
  return map(Blend{static_cast<Real>(a), static_cast<Real>(b)}, x, y);
}

Tensor at_time(const Tensor& x, Index t) {
  return Tensor::full({x.size(0)}, static_cast<Real>(t), x.device());
}

}  // namespace

// ---- guidance --------------------------------------------------------------------------------

EpsTheta guided(const EpsTheta& eps, const EpsTheta& weak, double weight) {
  return [=](const Tensor& x_t, const Tensor& t) {
    return blend(weight, eps(x_t, t), 1 - weight, weak(x_t, t));  // (CFG.1)
  };
}

// ---- DDPM ------------------------------------------------------------------------------------

Tensor p_sample(const Schedule& schedule, const Tensor& x_t, Index t, const Tensor& eps,
                const Tensor& z, Variance variance) {
  const auto i = static_cast<std::size_t>(t);
  const double of_x = 1 / std::sqrt(schedule.alpha[i]);
  const double of_eps = -of_x * schedule.beta[i] / std::sqrt(1 - schedule.alpha_bar[i]);
  const Tensor mean = blend(of_x, x_t, of_eps, eps);                       // (POST.5)
  return t == 1 ? mean : blend(1, mean, sigma(schedule, t, variance), z);  // (SAMP.1)
}

Tensor p_sample_x0(const Schedule& schedule, const Tensor& x_t, Index t, const Tensor& eps,
                   const Tensor& z, const AncestralOptions& options) {
  Tensor x0 = predict_x0(schedule, x_t, t, eps);
  if (options.clamp_x0) x0 = clamp(x0, -1, 1);  // (SAMP.4)
  const Tensor mean = q_posterior(schedule, x0, x_t, t).mean;
  return t == 1 ? mean : blend(1, mean, sigma(schedule, t, options.variance), z);  // (SAMP.3)
}

Tensor sample_ddpm(const Schedule& schedule, const EpsTheta& eps_theta, const Shape& shape,
                   Random& random, const AncestralOptions& options, const Observer& observe) {
  Tensor x = random.normal(shape);
  for (Index t = schedule.T; t >= 1; --t) {
    const Tensor z = t > 1 ? random.normal(shape) : Tensor();
    const Tensor eps = eps_theta(x, at_time(x, t));
    x = options.clamp_x0 ? p_sample_x0(schedule, x, t, eps, z, options)
                         : p_sample(schedule, x, t, eps, z, options.variance);
    if (observe) observe(t - 1, x);
  }
  return x;
}

// ---- DDIM ------------------------------------------------------------------------------------

std::vector<Index> ddim_times(Index T, Index steps) {
  check(steps >= 1 && steps <= T, "ddim", "expected from 1 to {} steps, got {}", T, steps);
  std::vector<Index> times;
  for (Index i = steps; i >= 1; --i)
    times.push_back((2 * i * T + steps) / (2 * steps));  // (DDIM.4)
  return times;
}

Tensor ddim_step(const Schedule& schedule, const Tensor& x_t, Index t, Index s, const Tensor& eps,
                 const Tensor& z, double eta, bool clamp_x0) {
  check(s >= 0 && s < t && t <= schedule.T, "ddim", "expected times T >= t > s >= 0, got {} and {}",
        t, s);
  const double now = schedule.alpha_bar[static_cast<std::size_t>(t)];
  const double next = schedule.alpha_bar[static_cast<std::size_t>(s)];
  // From s to t is one forward step that keeps now / next of the signal (FWD.6).
  const double deviation =
      eta * std::sqrt((1 - next) / (1 - now)) * std::sqrt(1 - now / next);  // (DDIM.2)
  Tensor x0 = predict_x0(schedule, x_t, t, eps);
  Tensor direction = eps;
  if (clamp_x0) {
    x0 = clamp(x0, -1, 1);
    direction = predict_eps(schedule, x_t, t, x0);
  }
  const Tensor mean =
      blend(std::sqrt(next), x0, std::sqrt(1 - next - deviation * deviation), direction);
  return deviation > 0 ? blend(1, mean, deviation, z) : mean;  // (DDIM.3)
}

Tensor sample_ddim(const Schedule& schedule, const EpsTheta& eps_theta, const Shape& shape,
                   Random& random, const DdimOptions& options, const Observer& observe) {
  check(options.eta >= 0 && options.eta <= 1, "ddim", "expected eta from 0 to 1, got {}",
        options.eta);
  const std::vector<Index> times = ddim_times(schedule.T, options.steps);
  Tensor x = random.normal(shape);
  for (std::size_t i = 0; i < times.size(); ++i) {
    const Index t = times[i], s = i + 1 < times.size() ? times[i + 1] : 0;
    const Tensor z =
        options.eta > 0 && s > 0 ? random.normal(shape) : Tensor::zeros(shape, x.device());
    x = ddim_step(schedule, x, t, s, eps_theta(x, at_time(x, t)), z, options.eta, options.clamp_x0);
    if (observe) observe(s, x);
  }
  return x;
}

}  // namespace ink
