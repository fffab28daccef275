// The work that is timed: one training step and one sampling step of a UNet.
#pragma once

#include <string>

#include "diffusion/loss.h"
#include "diffusion/unet.h"
#include "nn/optim/adamw.h"
#include "nn/optim/ema.h"

namespace ink::bench {

// A model with all that training it takes, on random images.
class Trainer {
 public:
  Trainer(const UNetConfig& config, Index batch);

  // Noise, forward, backward, clipping, AdamW, EMA, as in train_mnist. Returns the loss.
  Real train();
  // eps_theta(x, t) for 64 images, no tape.
  void sample();
  // Takes weights under diffusers' names.
  void load(const std::string& path);
  // || eps_theta(q_sample(x0, t, eps), t) - eps ||^2 for the tensors x0, eps (N,C,H,W) and t (N)
  // of a file.
  Real loss(const std::string& path);

 private:
  Network network() const;

  nn::Parameters parameters_;
  UNet unet_;
  Schedule schedule_ = Schedule::linear();
  Random random_{1};
  Tensor images_;
  nn::AdamW optimizer_;
  nn::Ema ema_;
  nn::LearningRate rate_{.peak = Real(2e-4)};
};

}  // namespace ink::bench
