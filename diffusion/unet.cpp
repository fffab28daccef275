#include "diffusion/unet.h"

#include <algorithm>

#include "tensor/check.h"
#include "tensor/ops.h"

namespace ink {

// ---- building --------------------------------------------------------------------------------

namespace {

UNetConfig validated(const UNetConfig& config) {
  config.validate();
  return config;
}

Index embedding_width(const UNetConfig& config) { return 4 * config.block_channels.front(); }

nn::ResnetBlock resnet(const nn::Scope& scope, Index in, Index out, const UNetConfig& config) {
  return {scope, in, out, embedding_width(config), config.groups};
}

nn::AttentionBlock attention_block(const nn::Scope& scope, Index channels,
                                   const UNetConfig& config) {
  return {scope, channels, config.head_size, config.groups};
}

DownBlock down_block(const nn::Scope& scope, std::size_t level, const UNetConfig& config) {
  const Index out = config.block_channels[level];
  const Index in = level == 0 ? out : config.block_channels[level - 1];
  DownBlock block;
  for (Index i = 0; i < config.layers_per_block; ++i) {
    block.resnets.push_back(resnet(scope / "resnets" / i, i == 0 ? in : out, out, config));
    if (config.attention[level]) {
      block.attentions.push_back(attention_block(scope / "attentions" / i, out, config));
    }
  }
  if (level + 1 < config.block_channels.size()) {
    block.downsampler.emplace(scope / "downsamplers" / 0, out);
  }
  return block;
}

std::vector<DownBlock> down_blocks(const nn::Scope& scope, const UNetConfig& config) {
  std::vector<DownBlock> blocks;
  for (std::size_t level = 0; level < config.block_channels.size(); ++level) {
    blocks.push_back(down_block(scope / static_cast<Index>(level), level, config));
  }
  return blocks;
}

MidBlock mid_block(const nn::Scope& scope, const UNetConfig& config) {
  const Index channels = config.block_channels.back();
  return {resnet(scope / "resnets" / 0, channels, channels, config),
          attention_block(scope / "attentions" / 0, channels, config),
          resnet(scope / "resnets" / 1, channels, channels, config)};
}

// The way up has one residual block more than the way down: the outputs left there are those of
// each block and of what came before it (conv_in, or the halving of the level above).
UpBlock up_block(const nn::Scope& scope, std::size_t level, const UNetConfig& config) {
  const std::vector<Index>& channels = config.block_channels;
  const Index out = channels[level];
  const Index from_below = level + 1 < channels.size() ? channels[level + 1] : out;
  const Index last_skip = level > 0 ? channels[level - 1] : out;
  UpBlock block;
  for (Index i = 0; i <= config.layers_per_block; ++i) {
    const Index in = i == 0 ? from_below : out;
    const Index skip = i == config.layers_per_block ? last_skip : out;
    block.resnets.push_back(resnet(scope / "resnets" / i, in + skip, out, config));
    if (config.attention[level]) {
      block.attentions.push_back(attention_block(scope / "attentions" / i, out, config));
    }
  }
  if (level > 0) block.upsampler.emplace(scope / "upsamplers" / 0, out);
  return block;
}

std::vector<UpBlock> up_blocks(const nn::Scope& scope, const UNetConfig& config) {
  const std::size_t levels = config.block_channels.size();
  std::vector<UpBlock> blocks;
  for (std::size_t i = 0; i < levels; ++i) {
    blocks.push_back(up_block(scope / static_cast<Index>(i), levels - 1 - i, config));
  }
  return blocks;
}

std::optional<nn::Embedding> class_embedding(const nn::Scope& scope, const UNetConfig& config) {
  if (config.classes == 0) return std::nullopt;
  return nn::Embedding(scope / "class_embedding", config.classes, embedding_width(config));
}

}  // namespace

UNet::UNet(const nn::Scope& scope, const UNetConfig& config)
    : config_(validated(config)),
      conv_in_(scope / "conv_in", config.in_channels, config.block_channels.front(), 3),
      time_embedding_(scope / "time_embedding", config.block_channels.front(),
                      embedding_width(config)),
      class_embedding_(class_embedding(scope, config)),
      down_blocks_(down_blocks(scope / "down_blocks", config)),
      mid_block_(mid_block(scope / "mid_block", config)),
      up_blocks_(up_blocks(scope / "up_blocks", config)),
      conv_norm_out_(scope / "conv_norm_out", config.groups, config.block_channels.front()),
      conv_out_(scope / "conv_out", config.block_channels.front(), config.out_channels, 3, 1,
                nn::Start::zero) {}

// ---- the forward pass ------------------------------------------------------------------------

// SiLU of the embedding of t (and of the class): every residual block reads it.
Variable UNet::embed(const Tensor& t, const Tensor& labels) const {
  const Index width = config_.block_channels.front();
  Variable embedding = time_embedding_(nn::timestep_embedding(t - Real(1), width));
  if (class_embedding_) embedding = embedding + (*class_embedding_)(labels);
  return silu(embedding);
}

Variable UNet::operator()(const Variable& x, const Tensor& t, const Tensor& labels) const {
  const Index factor = Index{1} << (down_blocks_.size() - 1);
  check(x.axes() == 4 && x.size(3) == config_.in_channels && x.size(1) % factor == 0 &&
            x.size(2) % factor == 0,
        "unet", "expected x (N,H,W,{}) with H and W multiples of {}, got {}", config_.in_channels,
        factor, x.shape());
  check(t.shape() == Shape{x.size(0)}, "unet", "expected one time for each of {} images, got {}",
        x.size(0), t.shape());
  check(class_embedding_.has_value() == labels.defined(), "unet",
        "the configuration has {} classes, but labels were {}", config_.classes,
        labels.defined() ? "given" : "not given");
  const Variable embedding = embed(t, labels);

  // Down: remember every output for the way up.
  Variable h = conv_in_(x);
  std::vector<Variable> skips{h};
  for (const DownBlock& block : down_blocks_) {
    for (std::size_t i = 0; i < block.resnets.size(); ++i) {
      h = block.resnets[i](h, embedding);
      if (!block.attentions.empty()) h = block.attentions[i](h);
      skips.push_back(h);
    }
    if (block.downsampler) skips.push_back(h = (*block.downsampler)(h));
  }

  // The middle.
  h = mid_block_.first(h, embedding);
  h = mid_block_.second(mid_block_.attention(h), embedding);

  // Up: each block reads the latest output that is left.
  for (const UpBlock& block : up_blocks_) {
    for (std::size_t i = 0; i < block.resnets.size(); ++i) {
      h = block.resnets[i](h, embedding, skips.back());
      skips.pop_back();
      if (!block.attentions.empty()) h = block.attentions[i](h);
    }
    if (block.upsampler) h = (*block.upsampler)(h);
  }
  return conv_norm_out_.then_silu(h, conv_out_);
}

}  // namespace ink
