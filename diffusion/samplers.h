// From noise to images: the ancestral sampler of DDPM, DDIM, and guidance. A sampler knows no
// network, only a function eps(x, t).
#pragma once

#include <functional>
#include <vector>

#include "diffusion/schedule.h"
#include "tensor/random.h"

namespace ink {

// The noise in x_t (n, ...), given t (n), all entries equal. Guidance, other parametrisations and
// latents are wrappers of such a function.
using EpsTheta = std::function<Tensor(const Tensor& x_t, const Tensor& t)>;

// What `eps` knows and `weak` does not, exaggerated: w eps - (w - 1) eps_weak (CFG.1), the score of
// p^w q^(1 - w) if theirs are those of p and q (CFG.2). With w = 1 it is `eps`. Where `weak` is the
// same network after less training, this is autoguidance (Karras et al., 2024).
EpsTheta guided(const EpsTheta& eps, const EpsTheta& weak, double weight);

// The variance of p(x_{t-1} | x_t): right for x_0 ~ N(0, I), or for x_0 a single point. (SAMP.2)
enum class Variance { beta, beta_tilde };

struct AncestralOptions {
  Variance variance = Variance::beta;
  // Clamp the predicted x_0 to [-1, 1] before the step. This leaves the paper's formula: see
  // q_posterior's use in p_sample_x0. (SAMP.4)
  bool clamp_x0 = false;
};

// Called after every step with the time just reached (T - 1 ... 0) and x there.
using Observer = std::function<void(Index t, const Tensor& x)>;

// One step of Algorithm 2: x_{t-1} = (x_t - beta_t / sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_t) +
// sigma_t z. (SAMP.1) No noise is added at t = 1, where z is not used.
Tensor p_sample(const Schedule& schedule, const Tensor& x_t, Index t, const Tensor& eps,
                const Tensor& z, Variance variance);
// The same step by way of x_0: predict it, clamp it if asked to, and take mu_tilde(x_t, x_0).
// Without the clamp it equals p_sample. (SAMP.3)
Tensor p_sample_x0(const Schedule& schedule, const Tensor& x_t, Index t, const Tensor& eps,
                   const Tensor& z, const AncestralOptions& options);

// Algorithm 2: from x_T ~ N(0, I) of this shape down to x_0.
Tensor sample_ddpm(const Schedule& schedule, const EpsTheta& eps_theta, const Shape& shape,
                   Random& random, const AncestralOptions& options = {},
                   const Observer& observe = {});

struct DdimOptions {
  Index steps = 50;
  double eta = 0;  // 0: deterministic; 1 on the full grid: DDPM with beta_tilde
  bool clamp_x0 = false;
};

// `steps` times from T down, nearly evenly spaced, the last one at least 1: t_i = round(i T /
// steps), i = steps ... 1. (DDIM.4)
std::vector<Index> ddim_times(Index T, Index steps);

// One step from t to an earlier time s (Song, Meng & Ermon, 2021, equation 12). (DDIM.3)
Tensor ddim_step(const Schedule& schedule, const Tensor& x_t, Index t, Index s, const Tensor& eps,
                 const Tensor& z, double eta, bool clamp_x0 = false);

Tensor sample_ddim(const Schedule& schedule, const EpsTheta& eps_theta, const Shape& shape,
                   Random& random, const DdimOptions& options = {}, const Observer& observe = {});

}  // namespace ink
