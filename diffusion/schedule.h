// The noise schedule and the forward process q (Ho, Jain & Abbeel, 2020).
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace ink {

// Time runs from 1 to T as in the paper; the arrays have T + 1 entries, alpha_bar[0] = 1, beta[0] =
// 0. So beta_tilde[1] = 0: the last step of sampling adds no noise, without a special case.
struct Schedule {
  // beta rises linearly from `first` at t = 1 to `last` at t = T; the paper's are the defaults.
  // (FWD.5)
  static Schedule linear(Index T = 1000, double first = 1e-4, double last = 0.02);
  // alpha_bar falls along a squared cosine (Nichol & Dhariwal, 2021); no beta exceeds 0.999.
  // (FWD.8)
  static Schedule cosine(Index T = 1000, double offset = 0.008);
  // From beta[1..T], each in (0, 1).
  static Schedule from_beta(const std::vector<double>& beta);

  Index T;
  std::vector<double> beta;
  std::vector<double> alpha;       // 1 - beta
  std::vector<double> alpha_bar;   // the product of alpha[1..t] (FWD.3)
  std::vector<double> beta_tilde;  // the posterior's variance (POST.2)
};

// q(x_t | x_0): sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps, one t (n) for each x0 (n, ...).
// (FWD.4)
Tensor q_sample(const Schedule& schedule, const Tensor& x0, const Tensor& t, const Tensor& eps);

// The weight min(1 / alpha_bar_t, limit) of each image's t (n) in a loss of eps: at limit =
// infinity the error of v = sqrt(alpha_bar) eps - sqrt(1 - alpha_bar) x_0 (Salimans & Ho, 2022).
// (DDPM.22)
Tensor loss_weight(const Schedule& schedule, const Tensor& t, double limit);

// x_0 from x_t and the noise that is in it: the inverse of q_sample, one t for all. (POST.4)
Tensor predict_x0(const Schedule& schedule, const Tensor& x_t, Index t, const Tensor& eps);
// eps from x_t and x_0; t >= 1. (POST.6)
Tensor predict_eps(const Schedule& schedule, const Tensor& x_t, Index t, const Tensor& x0);

// q(x_{t-1} | x_t, x_0) = N(mean, variance I). (POST.1) - (POST.3)
struct Posterior {
  Tensor mean;      // mu_tilde, shaped as x_t
  double variance;  // beta_tilde
};
Posterior q_posterior(const Schedule& schedule, const Tensor& x0, const Tensor& x_t, Index t);

}  // namespace ink
