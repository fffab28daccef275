// The training objective of Algorithm 1.
#pragma once

#include <functional>

#include "autograd/variable.h"
#include "diffusion/schedule.h"
#include "tensor/random.h"

namespace ink {

// A network that predicts the noise in x_t (n, h, w, c), given t (n).
using Network = std::function<Variable(const Tensor& x_t, const Tensor& t)>;

// One training example for each image: a time, a noise, and the noised image.
struct NoisedBatch {
  Tensor t;    // (n), uniform on 1..T
  Tensor eps;  // N(0, I), shaped as x0
  Tensor x_t;  // q_sample(x0, t, eps)
};
NoisedBatch add_noise(const Schedule& schedule, const Tensor& x0, Random& random);

// || eps - eps_theta(x_t, t) ||^2, the mean over all elements. (DDPM.21)
Variable simple_loss(const Network& eps_theta, const NoisedBatch& batch);

// The same with each image's term times min(1 / alpha_bar_t, limit), so that noisy times count for
// more; with limit 1 it is simple_loss. (DDPM.22)
Variable weighted_loss(const Schedule& schedule, double limit, const Network& eps_theta,
                       const NoisedBatch& batch);

}  // namespace ink
