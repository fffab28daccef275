#include "apps/support/loss_meter.h"

#include <utility>

#include "tensor/ops.h"

namespace ink::apps {

Network LossMeter::watch(Network network) {
  return [this, network = std::move(network)](const Tensor& x_t, const Tensor& t) {
    Variable prediction = network(x_t, t);
    predicted_ = prediction.value();
    return prediction;
  };
}

void LossMeter::add(const NoisedBatch& batch, Real loss, Index batches) {
  loss_ += loss / static_cast<Real>(batches);
  times_.push_back(batch.t);
  image_losses_.push_back(mean(square(predicted_ - batch.eps), {1, 2, 3}));
}

void LossMeter::close_step(LossHistory& history, const Schedule& schedule) {
  history.add_step(loss_, concat(times_, 0), concat(image_losses_, 0), schedule.T);
  loss_ = 0;
  times_.clear();
  image_losses_.clear();
}

}  // namespace ink::apps
