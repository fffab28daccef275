// Reads off each step what its loss was, for single images as well.
#pragma once

#include "apps/support/loss_history.h"
#include "diffusion/loss.h"

namespace ink::apps {

class LossMeter {
 public:
  // The same network; what it predicts last is remembered.
  Network watch(Network network);
  // After each of the `batches` batches of a step.
  void add(const NoisedBatch& batch, Real loss, Index batches);
  // After the step: adds it to the history.
  void close_step(LossHistory& history, const Schedule& schedule);

 private:
  Tensor predicted_;
  Real loss_ = 0;
  Tensors times_, image_losses_;  // (n) for each batch
};

}  // namespace ink::apps
