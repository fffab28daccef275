// The shape of a UNet.
#pragma once

#include <string>
#include <vector>

#include "tensor/kernels/real.h"

namespace ink {

struct UNetConfig {
  Index image_size = 28;  // height and width; must be halvable once for each level but the last
  Index in_channels = 1;
  Index out_channels = 1;
  std::vector<Index> block_channels = {16, 32, 64};  // one entry a level
  Index layers_per_block = 2;
  std::vector<bool> attention = {false, false, true};  // by level; the middle always has it
  Index groups = 8;
  Index head_size = 32;
  Index classes = 0;  // 0: no class embedding

  static UNetConfig small();  // 989,217 parameters
  static UNetConfig base();   // 3,939,393 parameters
  // 64x64 RGB, four levels, the shape of public ImageNet-64 trainers: 77 million parameters.
  static UNetConfig imagenet64();
  // "small", "base" or "imagenet64"; throws Error naming the choices.
  static UNetConfig preset(const std::string& name);
  // Throws Error naming what does not fit; for an image size, which sizes do.
  void validate() const;

  // The config.json of a diffusers UNet2DModel, and back. Throws Error when the text is not JSON,
  // or asks for something that this UNet does not have.
  std::string to_json() const;
  static UNetConfig from_json(const std::string& text);

  bool operator==(const UNetConfig&) const = default;
};

}  // namespace ink
