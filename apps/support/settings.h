// What a run is: everything that its numbers follow from, fixed when it begins.
#pragma once

#include <cstdint>
#include <string>

#include "apps/support/train_options.h"
#include "diffusion/unet_config.h"
#include "nn/optim/adamw.h"

namespace ink::apps {

struct Settings {
  std::string preset;
  std::string data;    // folder of IDX files, or
  std::string images;  // of pictures
  Index image_size, channels;
  Index batch, accumulate;
  double lr;
  Index warmup;
  double beta1, beta2, weight_decay, clip, ema, weight_limit;
  std::uint64_t seed;

  bool operator==(const Settings&) const = default;

  Index images_per_step() const { return batch * accumulate; }
  nn::AdamWOptions adamw() const;
  std::string to_json() const;
  // Throws Error when something is missing.
  static Settings from_json(const std::string& text);
};

// The settings of a new run: the preset's, `default_preset` unless one is named, and what the
// options say.
Settings new_settings(const TrainOptions& options, const std::string& default_preset);

// The settings of a run that is continued: those that it began with. An option may repeat one, and
// --data or --images may say where the same data lie now; throws UsageError naming any other.
Settings resumed_settings(const Settings& saved, const TrainOptions& options);

}  // namespace ink::apps
