// A UNet together with the memory of its parameters.
#pragma once

#include "diffusion/unet.h"
#include "nn/parameter.h"

namespace ink::apps {

struct Model {
  Model(const UNetConfig& config, const Random& random, Device device)
      : unet(nn::Scope(parameters), config) {
    parameters.allocate(random, device);
  }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  Device device() const { return parameters.values().device(); }

  nn::Parameters parameters;
  UNet unet;
};

}  // namespace ink::apps
