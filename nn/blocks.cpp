#include "nn/blocks.h"

#include "tensor/check.h"

namespace ink::nn {

ResnetBlock::ResnetBlock(const Scope& scope, Index in, Index out, Index embedding, Index groups)
    : norm1(scope / "norm1", groups, in),
      conv1(scope / "conv1", in, out, 3),
      time_emb_proj(scope / "time_emb_proj", embedding, out),
      norm2(scope / "norm2", groups, out),
      conv2(scope / "conv2", out, out, 3, 1, Start::zero) {
  if (in != out) conv_shortcut.emplace(scope / "conv_shortcut", in, out, 1);
}

Variable ResnetBlock::operator()(const Variable& x, const Variable& silu_embedding,
                                 const Variable& skip) const {
  if (skip.defined() && !(conv_shortcut && reads_skip(x.device())))
    return (*this)(concat({x, skip}, 3), silu_embedding);
  const Variable h =
      norm1.then_silu(x, conv1, {.image_bias = time_emb_proj(silu_embedding), .skip = skip});
  const Variable shortcut = conv_shortcut ? (*conv_shortcut)(x, {.skip = skip}) : x;
  return norm2.then_silu(h, conv2, {.residual = shortcut});
}

namespace {

Index head_count(Index channels, Index head_size) {
  check(head_size >= 1 && channels % head_size == 0, "attention",
        "expected a head size that divides the {} channels, got {}", channels, head_size);
  return channels / head_size;
}

}  // namespace

AttentionBlock::AttentionBlock(const Scope& scope, Index channels, Index head_size, Index groups)
    : group_norm(scope / "group_norm", groups, channels),
      to_q(scope / "to_q", channels, channels),
      to_k(scope / "to_k", channels, channels),
      to_v(scope / "to_v", channels, channels),
      to_out(scope / "to_out" / 0, channels, channels, Start::zero),
      heads(head_count(channels, head_size)) {}

Variable AttentionBlock::operator()(const Variable& x) const {
  const Shape tokens{x.size(0), x.size(1) * x.size(2), x.size(3)};
  const Variable h = reshape(group_norm(x), tokens);
  const Variable o = attention(to_q(h), to_k(h), to_v(h), heads);
  return reshape(to_out(o, reshape(x, tokens)), x.shape());
}

}  // namespace ink::nn
