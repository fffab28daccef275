// Reads off each step what its loss was, for single images as well.
#pragma once

#include "apps/support/loss_history.h"
#include "diffusion/loss.h"
#include "tensor/readback.h"

namespace ink::apps {

// The numbers stay on the device while a step is at work; they are read without waiting, on a GPU
// one step later.
class LossMeter {
 public:
  explicit LossMeter(Device device) : lag_(device == Device::cuda ? 1 : 0) {}

  // The same network; what it predicts last is remembered.
  Network watch(Network network);
  // Within a step: after each of its batches, and at its end, with the norm of its gradient. Losses
  // are those of simple_loss, whatever the weights of times in training: runs can be compared.
  void add(const NoisedBatch& batch);
  void close_step(const Tensor& gradient_norm);

  // After a step: asks for its numbers.
  void request() { readback_.request(numbers_); }
  // How many of the last steps have not been taken, and how many need not be by now.
  std::size_t pending() const { return readback_.pending(); }
  std::size_t lag() const { return lag_; }

  // What a step has shown.
  struct Reading {
    Real loss;           // the mean of the batches'
    Real gradient_norm;  // before clipping
    std::vector<Real> times, image_losses;
  };
  // Of the earliest step that is pending; waits for the device.
  Reading take();

 private:
  std::size_t lag_;
  Tensor predicted_;
  // (1) and (n) twice for each batch: its loss, its times, the losses of its images.
  Tensors parts_;
  Index batches_ = 0;  // of a step
  Tensor numbers_;     // the parts and the norm, on the device
  Readback readback_;
};

}  // namespace ink::apps
