// A small network for points in the plane.
#pragma once

#include "nn/layers.h"

namespace ink::apps {

// eps(x, t) for points x (n, 2) and times t (n): a perceptron of four layers that reads the point
// and the sinusoidal embedding of its time.
struct ToyNetwork {
  explicit ToyNetwork(const nn::Scope& scope, Index width = 128)
      : from_point(scope / "from_point", 2, width),
        from_time(scope / "from_time", kEmbedding, width),
        hidden1(scope / "hidden1", width, width),
        hidden2(scope / "hidden2", width, width),
        out(scope / "out", width, 2, nn::Start::zero) {}

  Variable operator()(const Variable& x, const Tensor& t) const {
    Variable h = silu(from_point(x) + from_time(nn::timestep_embedding(t, kEmbedding)));
    h = silu(hidden1(h));
    h = silu(hidden2(h));
    return out(h);
  }

  static constexpr Index kEmbedding = 32;
  nn::Linear from_point, from_time, hidden1, hidden2, out;
};

}  // namespace ink::apps
