#include "apps/support/presets.h"

#include "apps/support/program.h"

namespace ink::apps {
namespace {

UNetConfig tiny() {
  UNetConfig config;
  config.block_channels = {8, 16};
  config.layers_per_block = 1;
  config.attention = {false, true};
  config.groups = 4;
  config.head_size = 8;
  return config;
}

}  // namespace

const std::vector<Preset>& presets() {
  static const std::vector<Preset> table = {
      {.name = "small",
       .purpose = "for a CPU",
       .config = UNetConfig::small(),
       .batch = 64,
       .lr = 8e-4,
       .warmup = 100,
       .beta1 = 0.9,
       .beta2 = 0.99,
       .weight_decay = 0.01,
       .clip = 1,
       .ema = 0.995,
       .weight_limit = 1},
      {.name = "base",
       .purpose = "for a GPU",
       .config = UNetConfig::base(),
       .batch = 128,
       .lr = 5e-4,
       .warmup = 500,
       .beta1 = 0.9,
       .beta2 = 0.99,
       .weight_decay = 0.01,
       .clip = 1,
       .ema = 0.9995,
       .weight_limit = 1},
      {.name = "tiny",
       .purpose = "for tests",
       .config = tiny(),
       .batch = 16,
       .lr = 2e-3,
       .warmup = 10,
       .beta1 = 0.9,
       .beta2 = 0.99,
       .weight_decay = 0.01,
       .clip = 1,
       .ema = 0.995,
       .weight_limit = 1},
  };
  return table;
}

const Preset& find_preset(const std::string& name) {
  for (const Preset& preset : presets()) {
    if (preset.name == name) return preset;
  }
  throw UsageError(fmt::format("[--preset] expected small, base or tiny, got {}", name));
}

}  // namespace ink::apps
