// The UNets of tests/reference/unet.safetensors, unet_wide.safetensors and unet_class.safetensors,
// and a model that owns its parameters.
#pragma once

#include "diffusion/unet.h"

namespace ink::test {

inline UNetConfig tiny_config() {
  UNetConfig config;
  config.image_size = 12;
  config.block_channels = {4, 8, 12};
  config.groups = 2;
  config.head_size = 4;
  return config;
}

inline UNetConfig wide_config() {
  UNetConfig config;
  config.image_size = 14;
  config.block_channels = {16, 16};
  config.layers_per_block = 1;
  config.attention = {false, true};
  config.groups = 8;
  config.head_size = 8;
  return config;
}

inline UNetConfig tiny_class_config() {
  UNetConfig config;
  config.image_size = 6;
  config.in_channels = config.out_channels = 3;
  config.block_channels = {8, 12};
  config.layers_per_block = 1;
  config.attention = {true, false};
  config.groups = 4;
  config.head_size = 4;
  config.classes = 10;
  return config;
}

struct Model {
  explicit Model(const UNetConfig& config, std::uint64_t seed = 1)
      : unet(nn::Scope(parameters), config) {
    parameters.allocate(Random(seed));
  }

  nn::Parameters parameters;
  UNet unet;
};

}  // namespace ink::test
