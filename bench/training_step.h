// The work that is timed: one training step and one sampling step of a UNet.
#pragma once

#include <string>

#include "diffusion/loss.h"
#include "diffusion/samplers.h"
#include "diffusion/unet.h"
#include "nn/optim/adamw.h"
#include "nn/optim/ema.h"
#include "tensor/graph.h"

namespace ink::bench {

// Waits until the device has computed x.
void wait_for(const Tensor& x);

// A model with all that training it takes, on random images.
class Trainer {
 public:
  Trainer(const UNetConfig& config, Index batch, Device device = Device::cpu);
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  // Noise, forward, backward, clipping, AdamW, EMA, as in train_mnist. Returns the loss, for which
  // it waits.
  Real train();
  static constexpr Index kSampleBatch = 64;
  // eps_theta(x, t), no tape.
  void sample(Index images = kSampleBatch);
  // kSampleBatch images by DDIM in 50 steps.
  void sample_ddim();
  // Takes weights under diffusers' names.
  void load(const std::string& path);
  // || eps_theta(q_sample(x0, t, eps), t) - eps ||^2 for the tensors x0, eps (N,C,H,W) and t (N)
  // of a file.
  Real loss(const std::string& path);

  Device device() const { return images_.device(); }

 private:
  Network network() const;
  void one_step();
  Shape sample_shape(Index images) const;

  nn::Parameters parameters_;
  UNet unet_;
  Schedule schedule_ = Schedule::linear();
  Random random_;
  Tensor images_;
  nn::AdamW optimizer_;
  nn::Ema ema_;
  nn::LearningRate rate_{.peak = Real(2e-4)};
  Tensor loss_;
  Repeated step_;
  EpsTheta eps_;
};

}  // namespace ink::bench
