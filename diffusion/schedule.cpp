#include "diffusion/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tensor/check.h"
#include "tensor/graph.h"
#include "tensor/ops.h"

namespace ink {

Schedule Schedule::linear(Index T, double first, double last) {
  check(T >= 1, "schedule", "expected at least one step, got T = {}", T);
  std::vector<double> beta;
  for (Index t = 1; t <= T; ++t) {
    const double share = T == 1 ? 0 : static_cast<double>(t - 1) / static_cast<double>(T - 1);
    beta.push_back(first + (last - first) * share);  // (FWD.5)
  }
  return from_beta(beta);
}

Schedule Schedule::cosine(Index T, double offset) {
  check(T >= 1 && offset >= 0, "schedule",
        "expected at least one step and no negative offset, got {}, {}", T, offset);
  const auto f = [&](Index t) {
    const double share = (static_cast<double>(t) / static_cast<double>(T) + offset) / (1 + offset);
    return std::pow(std::cos(share * std::numbers::pi / 2), 2);
  };
  // The ratio of two values of alpha_bar does not need f(0).
  std::vector<double> beta;
  for (Index t = 1; t <= T; ++t) beta.push_back(std::min(1 - f(t) / f(t - 1), 0.999));  // (FWD.8)
  return from_beta(beta);
}

Schedule Schedule::from_beta(const std::vector<double>& beta) {
  Schedule s{static_cast<Index>(beta.size()), {0}, {1}, {1}, {0}};
  for (const double beta_t : beta) {
    check(beta_t > 0 && beta_t < 1, "schedule", "expected every beta between 0 and 1, got {}",
          beta_t);
    const double before = s.alpha_bar.back(), alpha_bar = before * (1 - beta_t);
    s.beta.push_back(beta_t);
    s.alpha.push_back(1 - beta_t);
    s.alpha_bar.push_back(alpha_bar);                                 // (FWD.3)
    s.beta_tilde.push_back((1 - before) / (1 - alpha_bar) * beta_t);  // (POST.2)
  }
  return s;
}

namespace {

void check_time(const char* op, const Schedule& schedule, Index t) {
  check(t >= 1 && t <= schedule.T, op, "expected a time from 1 to {}, got {}", schedule.T, t);
}

// f(alpha_bar_t) for each image's t, shaped to multiply images of `axes` axes.
template <class F>
Tensor per_image(const Schedule& schedule, const Tensor& t, int axes, const F& f) {
  const auto write = [&schedule, f](Real* to) {
    for (const double alpha_bar : schedule.alpha_bar) *to++ = static_cast<Real>(f(alpha_bar));
  };
  const Tensor table = varying_tensor({schedule.T + 1}, t.device(), write);
  Shape shape = Shape::filled(axes, 1);
  shape[0] = t.count();
  return gather(table, t).reshape(shape);
}

}  // namespace

Tensor q_sample(const Schedule& schedule, const Tensor& x0, const Tensor& t, const Tensor& eps) {
  check(x0.shape() == eps.shape() && x0.axes() >= 1 && t.shape() == Shape{x0.size(0)}, "q_sample",
        "expected x0 and eps of one shape and a t for each image, got {}, {} and {}", x0.shape(),
        eps.shape(), t.shape());
  check_whole_numbers("q_sample", "times", t, 1, schedule.T);
  const Tensor signal =
      per_image(schedule, t, x0.axes(), [](double alpha_bar) { return std::sqrt(alpha_bar); });
  const Tensor noise =
      per_image(schedule, t, x0.axes(), [](double alpha_bar) { return std::sqrt(1 - alpha_bar); });
  return signal * x0 + noise * eps;  // (FWD.4)
}

Tensor loss_weight(const Schedule& schedule, const Tensor& t, double limit) {
  check(limit >= 1, "loss_weight", "expected a limit of at least 1, got {}", limit);
  check_whole_numbers("loss_weight", "times", t, 1, schedule.T);
  return per_image(schedule, t, 1, [limit](double alpha_bar) {
    return std::min(1 / alpha_bar, limit);  // (DDPM.22)
  });
}

Tensor predict_x0(const Schedule& schedule, const Tensor& x_t, Index t, const Tensor& eps) {
  check_time("predict_x0", schedule, t);
  const double alpha_bar = schedule.alpha_bar[static_cast<std::size_t>(t)];
  return map(Blend{static_cast<Real>(1 / std::sqrt(alpha_bar)),
                   static_cast<Real>(-std::sqrt(1 / alpha_bar - 1))},
             x_t, eps);  // (POST.4)
}

Tensor predict_eps(const Schedule& schedule, const Tensor& x_t, Index t, const Tensor& x0) {
  check_time("predict_eps", schedule, t);
  const double alpha_bar = schedule.alpha_bar[static_cast<std::size_t>(t)];
  const double deviation = std::sqrt(1 - alpha_bar);
  return map(
      Blend{static_cast<Real>(1 / deviation), static_cast<Real>(-std::sqrt(alpha_bar) / deviation)},
      x_t, x0);  // (POST.6)
}

Posterior q_posterior(const Schedule& schedule, const Tensor& x0, const Tensor& x_t, Index t) {
  check_time("q_posterior", schedule, t);
  const auto i = static_cast<std::size_t>(t);
  const double before = schedule.alpha_bar[i - 1], now = schedule.alpha_bar[i];
  const double of_x_t = std::sqrt(schedule.alpha[i]) * (1 - before) / (1 - now);
  const double of_x0 = std::sqrt(before) * schedule.beta[i] / (1 - now);
  return {map(Blend{static_cast<Real>(of_x_t), static_cast<Real>(of_x0)}, x_t, x0),  // (POST.3)
          schedule.beta_tilde[i]};
}

}  // namespace ink
