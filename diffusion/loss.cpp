#include "diffusion/loss.h"

#include "autograd/ops.h"
#include "tensor/ops.h"

namespace ink {

NoisedBatch add_noise(const Schedule& schedule, const Tensor& x0, Random& random) {
  const Tensor t = random.uniform_int(1, schedule.T, {x0.size(0)});
  const Tensor eps = random.normal(x0.shape());
  return {t, eps, q_sample(schedule, x0, t, eps)};
}

Variable simple_loss(const Network& eps_theta, const NoisedBatch& batch) {
  return mse(eps_theta(batch.x_t, batch.t), batch.eps);  // (DDPM.21)
}

Variable weighted_loss(const Schedule& schedule, double limit, const Network& eps_theta,
                       const NoisedBatch& batch) {
  Shape of_image = Shape::filled(batch.eps.axes(), 1);
  of_image[0] = batch.t.count();
  const Tensor root = sqrt(loss_weight(schedule, batch.t, limit)).reshape(of_image);
  return mse(root * eps_theta(batch.x_t, batch.t), root * batch.eps);  // (DDPM.22)
}

}  // namespace ink
