// The network: diffusers' UNet2DModel (Ho et al., 2020; Ronneberger et al., 2015), names and
// arithmetic.
#pragma once

#include <optional>
#include <vector>

#include "diffusion/unet_config.h"
#include "nn/blocks.h"

namespace ink {

// One level of the way down: residual blocks, each with attention or without, then a halving (but
// at the lowest level).
struct DownBlock {
  std::vector<nn::ResnetBlock> resnets;
  std::vector<nn::AttentionBlock> attentions;
  std::optional<nn::Downsample> downsampler;
};

// One level of the way up: each residual block also reads the output that the way down left there.
struct UpBlock {
  std::vector<nn::ResnetBlock> resnets;
  std::vector<nn::AttentionBlock> attentions;
  std::optional<nn::Upsample> upsampler;
};

struct MidBlock {
  nn::ResnetBlock first;
  nn::AttentionBlock attention;
  nn::ResnetBlock second;
};

class UNet {
 public:
  // Adds its parameters under `scope`; they have values once Parameters::allocate has run.
  UNet(const nn::Scope& scope, const UNetConfig& config);

  // x (n, h, w, in_channels), t (n) in 1..T, labels (n) when the configuration has classes -> (n,
  // h, w, out_channels). The embedding takes t - 1, since diffusers counts time from 0: checkpoints
  // can be exchanged.
  Variable operator()(const Variable& x, const Tensor& t, const Tensor& labels = {}) const;

  const UNetConfig& config() const { return config_; }

 private:
  Variable embed(const Tensor& t, const Tensor& labels) const;

  UNetConfig config_;
  nn::Conv2d conv_in_;
  nn::TimestepEmbedding time_embedding_;
  std::optional<nn::Embedding> class_embedding_;
  std::vector<DownBlock> down_blocks_;
  MidBlock mid_block_;
  std::vector<UpBlock> up_blocks_;
  nn::GroupNorm conv_norm_out_;
  nn::Conv2d conv_out_;
};

}  // namespace ink
