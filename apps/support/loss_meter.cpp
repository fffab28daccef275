#include "apps/support/loss_meter.h"

#include <cstddef>
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

void LossMeter::add(const NoisedBatch& batch) {
  const Tensor of_images = mean(square(predicted_ - batch.eps), {1, 2, 3});
  parts_.push_back(mean(of_images).reshape({1}));
  parts_.push_back(batch.t);
  parts_.push_back(of_images);
}

void LossMeter::close_step(const Tensor& gradient_norm) {
  batches_ = static_cast<Index>(parts_.size() / 3);
  parts_.push_back(gradient_norm.reshape({1}));
  numbers_ = concat(parts_, 0);
  parts_.clear();
}

LossMeter::Reading LossMeter::take() {
  const std::vector<Real> numbers = readback_.take();
  Reading reading{0, numbers.back(), {}, {}};
  const auto images = static_cast<std::ptrdiff_t>((numbers.size() - 1) / batches_ - 1) / 2;
  for (auto from = numbers.begin(); from + 1 != numbers.end(); from += 1 + 2 * images) {
    const auto times = from + 1, losses = times + images;
    reading.loss += *from / static_cast<Real>(batches_);
    reading.times.insert(reading.times.end(), times, losses);
    reading.image_losses.insert(reading.image_losses.end(), losses, losses + images);
  }
  return reading;
}

}  // namespace ink::apps
