// The command line of train_mnist.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "apps/support/machine.h"
#include "tensor/kernels/real.h"

namespace ink::apps {

// What was typed. What was not follows from the preset and the device, or from the run that is
// resumed.
struct TrainOptions {
  MachineOptions machine;
  std::optional<std::string> preset;
  std::optional<std::string> data, images;    // folders; at most one of them
  std::optional<Index> image_size, channels;  // of `images`
  std::optional<Index> steps;                 // at most one of steps, minutes and epochs
  std::optional<double> minutes, epochs;
  std::optional<Index> batch, accumulate;
  std::optional<double> lr;
  std::optional<Index> warmup;
  std::optional<double> beta1, beta2, weight_decay, clip, ema, weight_limit;
  std::optional<std::uint64_t> seed;
  std::optional<std::string> out;
  double save_every = 60;  // seconds
  bool resume = false;
  bool summary = false;
};

// Nothing when --help or --version was all that was asked. Throws UsageError, in one line, for what
// no run could use.
std::optional<TrainOptions> parse_train_options(int argc, const char* const* argv);

}  // namespace ink::apps
