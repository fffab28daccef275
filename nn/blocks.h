// The blocks of a UNet, named and built as in Hugging Face diffusers.
#pragma once

#include <optional>

#include "nn/layers.h"

namespace ink::nn {

// y = shortcut(x) + conv2(silu(norm2(conv1(silu(norm1(x))) + time_emb_proj(silu(emb)))))
// (He et al., 2016; Ho et al., 2020). conv2 starts at zero: the block starts as its shortcut.
struct ResnetBlock {
  ResnetBlock(const Scope& scope, Index in, Index out, Index embedding, Index groups);
  // x (n, h, w, in), silu_embedding (n, embedding): the time embedding after its SiLU. The last
  // channels of x may come in a tensor of their own, a skip connection.
  Variable operator()(const Variable& x, const Variable& silu_embedding,
                      const Variable& skip = {}) const;

  GroupNorm norm1;
  Conv2d conv1;
  Linear time_emb_proj;
  GroupNorm norm2;
  Conv2d conv2;
  std::optional<Conv2d> conv_shortcut;  // 1x1, where in != out
};

// x + to_out(attention(to_q, to_k, to_v of norm(x))) over the pixels of each image.
struct AttentionBlock {
  // `head_size` channels to a head.
  AttentionBlock(const Scope& scope, Index channels, Index head_size, Index groups);
  Variable operator()(const Variable& x) const;

  GroupNorm group_norm;
  Linear to_q, to_k, to_v;
  Linear to_out;
  Index heads;
};

// Halves the image: a 3x3 convolution of stride 2.
struct Downsample {
  Downsample(const Scope& scope, Index channels) : conv(scope / "conv", channels, channels, 3, 2) {}
  Variable operator()(const Variable& x) const { return conv(x); }

  Conv2d conv;
};

// Doubles the image: nearest neighbour, then a 3x3 convolution.
struct Upsample {
  Upsample(const Scope& scope, Index channels) : conv(scope / "conv", channels, channels, 3) {}
  Variable operator()(const Variable& x) const {
    return upsample_conv2d(x, conv.weight, conv.bias);
  }

  Conv2d conv;
};

// linear_2(silu(linear_1(x))).
struct TimestepEmbedding {
  TimestepEmbedding(const Scope& scope, Index in, Index out)
      : linear_1(scope / "linear_1", in, out), linear_2(scope / "linear_2", out, out) {}
  Variable operator()(const Variable& x) const { return linear_2(silu(linear_1(x))); }

  Linear linear_1;
  Linear linear_2;
};

}  // namespace ink::nn
