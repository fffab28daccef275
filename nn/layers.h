// Layers: plain structs of parameters with a call operator. Images are (n, h, w, channels).
#pragma once

#include <tuple>

#include "autograd/ops.h"
#include "nn/parameter.h"

namespace ink::nn {

// Whether a layer starts from PyTorch's random initialisation or from zero, as the last layer of a
// residual branch does (Ho et al., 2020).
enum class Start { random, zero };

// x (..., in) -> (..., out): y = x weight^T + bias, with the residual (..., out) added when given.
struct Linear {
  Linear(const Scope& scope, Index in, Index out, Start start = Start::random);
  Variable operator()(const Variable& x, const Variable& residual = {}) const;

  Parameter weight;  // (out, in)
  Parameter bias;    // (out)
};

// Odd square kernels; the default padding keeps the image's size at stride 1.
struct Conv2d {
  Conv2d(const Scope& scope, Index in, Index out, Index kernel, Index stride = 1,
         Start start = Start::random);
  // The layer's bias takes its place among the terms.
  Variable operator()(const Variable& x, Conv2dTerms terms = {}) const;

  Parameter weight;  // (out, kernel, kernel, in)
  Parameter bias;    // (out)
  Conv2dOptions options;
};

// Normalises groups of neighbouring channels (Wu & He, 2018).
struct GroupNorm {
  GroupNorm(const Scope& scope, Index groups, Index channels, Real epsilon = Real(1e-5));
  Variable operator()(const Variable& x) const;
  // silu(norm(x)) in one pass.
  Variable then_silu(const Variable& x) const;
  // conv(silu(norm(x))), without keeping what stands between.
  Variable then_silu(const Variable& x, const Conv2d& conv, Conv2dTerms terms = {}) const;

  Parameter weight;  // gamma, (channels)
  Parameter bias;    // beta, (channels)
  GroupNormOptions options;
};

struct Silu {
  Variable operator()(const Variable& x) const { return silu(x); }
};

// A table of learned rows: index (n) of whole numbers below `rows` -> (n, width).
struct Embedding {
  Embedding(const Scope& scope, Index rows, Index width);
  Variable operator()(const Tensor& index) const { return embedding(weight, index); }

  Parameter weight;  // (rows, width)
};

// Sets elements to zero with probability p and scales the others by 1 / (1 - p), with numbers from
// `random`; without it (when sampling) x stays as it is.
struct Dropout {
  Real p;
  Variable operator()(const Variable& x, Random* random) const;
};

// Calls its layers one after the other. Make it with braces, Sequential{Linear(...), Silu{}}: only
// then does C++ promise that the layers, and their parameters, are made in the order written.
template <class... Layers>
struct Sequential {
  explicit Sequential(Layers... list) : layers(std::move(list)...) {}
  Variable operator()(Variable x) const {
    std::apply([&](const Layers&... layer) { ((x = layer(x)), ...); }, layers);
    return x;
  }

  std::tuple<Layers...> layers;
};

// The sinusoidal embedding of times t (n) -> (n, width), width even (Vaswani et al., 2017):
// [cos(t w_i), sin(t w_i)], w_i = max_period^(-i / (width / 2)) (EMB.1), whose inner products
// depend on the distance of two times alone (EMB.2). Within a few roundings for whole t below 4096.
Tensor timestep_embedding(const Tensor& t, Index width, Real max_period = 10000);

}  // namespace ink::nn
