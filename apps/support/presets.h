// What a preset trains with unless an option says otherwise: the one table to edit.
#pragma once

#include <string>
#include <vector>

#include "diffusion/unet_config.h"

namespace ink::apps {

struct Preset {
  const char* name;
  const char* purpose;
  UNetConfig config;
  Index batch;
  double lr;            // the learning rate's peak
  Index warmup;         // steps until it is reached
  double beta1, beta2;  // AdamW's
  double weight_decay;
  double clip;          // the gradient's largest norm
  double ema;           // the decay of the weights' average
  double weight_limit;  // of a noisy time in the loss (weighted_loss)
};

const std::vector<Preset>& presets();

// Throws UsageError naming the choices.
const Preset& find_preset(const std::string& name);

// The share of a run after which the learning rate falls.
inline constexpr double kDecayShare = 0.7;

// How long a run lasts when nobody says, on the CPU and on a GPU.
inline constexpr double kCpuMinutes = 10;
inline constexpr double kGpuEpochs = 10;

}  // namespace ink::apps
