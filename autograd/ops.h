// Every differentiable op. Each is defined, forward and VJP in one function, in the file of its
// family. Shape errors throw Error naming the op, the expectation and the shapes given.
#pragma once

#include <optional>

#include "autograd/variable.h"

namespace ink {

// ---- elementwise.cpp: shapes broadcast by NumPy's rule ---------------------------------------

Variable operator+(const Variable& a, const Variable& b);
Variable operator-(const Variable& a, const Variable& b);
Variable operator*(const Variable& a, const Variable& b);
Variable operator/(const Variable& a, const Variable& b);
Variable operator-(const Variable& x);
Variable operator*(const Variable& x, Real factor);
Variable operator*(Real factor, const Variable& x);
Variable operator/(const Variable& x, Real divisor);
Variable operator+(const Variable& x, Real term);
Variable operator+(Real term, const Variable& x);
Variable operator-(const Variable& x, Real term);
Variable operator-(Real term, const Variable& x);
Variable exp(const Variable& x);
Variable log(const Variable& x);
Variable sqrt(const Variable& x);
Variable square(const Variable& x);
Variable abs(const Variable& x);
Variable pow(const Variable& x, Real exponent);
Variable reciprocal(const Variable& x);
Variable sin(const Variable& x);
Variable cos(const Variable& x);
Variable tanh(const Variable& x);
Variable relu(const Variable& x);
Variable sigmoid(const Variable& x);  // (ACT.1)
Variable silu(const Variable& x);     // x sigmoid(x) (ACT.3)
Variable gelu(const Variable& x);     // x Phi(x), Phi the normal distribution function (ACT.8)
Variable clamp(const Variable& x, Real low, Real high);  // gradient 1 inside, 0 outside

// ---- reduce.cpp: over the listed axes, all of them when none is listed -----------------------

Variable sum(const Variable& x, const Shape& axes = {}, bool keep = false);
Variable mean(const Variable& x, const Shape& axes = {}, bool keep = false);
// Where several elements share the maximum, each gets an equal part of the gradient.
Variable max(const Variable& x, const Shape& axes = {}, bool keep = false);

// ---- view.cpp --------------------------------------------------------------------------------

Variable reshape(const Variable& x, const Shape& shape);
Variable permute(const Variable& x, const Shape& order);
Variable transpose(const Variable& x, int axis_a, int axis_b);
Variable expand(const Variable& x, const Shape& shape);
Variable squeeze(const Variable& x, int axis);
Variable unsqueeze(const Variable& x, int axis);
Variable slice(const Variable& x, int axis, Index first, Index last);
Variable concat(const std::vector<Variable>& parts, int axis);
std::vector<Variable> split(const Variable& x, const Shape& sizes, int axis);
// Zeros around axis: (..., before + size + after, ...).
Variable pad(const Variable& x, int axis, Index before, Index after);

// ---- matmul.cpp ------------------------------------------------------------------------------

// (..., m, k) (..., k, n) -> (..., m, n), leading axes broadcast. (MM.1)
Variable matmul(const Variable& a, const Variable& b);
// x (..., in), weight (out, in), bias (out) or undefined, residual (..., out) or undefined:
// y = x weight^T + bias + residual. (MM.4)
Variable linear(const Variable& x, const Variable& weight, const Variable& bias = {},
                const Variable& residual = {});

// ---- conv2d.cpp ------------------------------------------------------------------------------

struct Conv2dOptions {
  Index stride = 1;
  Index padding = 0;
};
// What is added to a convolution's result, and to its image; undefined terms add nothing.
struct Conv2dTerms {
  Variable bias = {};        // (c_out)
  Variable image_bias = {};  // (n, c_out): one row per image
  Variable residual = {};    // shaped as the result
  Variable skip = {};        // (n, h, w, c_skip): further channels, behind those of x
};
// Whether the ops read a skip connection where it is; where not, they join it to x first.
bool reads_skip(Device device);
// x (n, h, w, c_in - c_skip), weight (c_out, kh, kw, c_in) -> (n, h', w', c_out) with
// h' = (h + 2 padding - kh) / stride + 1. (CONV.1)
Variable conv2d(const Variable& x, const Variable& weight, const Conv2dOptions& options = {},
                const Conv2dTerms& terms = {});

// ---- group_norm.cpp --------------------------------------------------------------------------

struct GroupNormOptions {
  Index groups;
  Real epsilon = Real(1e-5);
  bool silu = false;  // the SiLU that follows, in the same pass
};
// x (n, ..., channels), gamma and beta (channels): each image's group of channels / groups
// neighbouring channels is normalised over all its pixels. (GN.1) - (GN.3)
Variable group_norm(const Variable& x, const Variable& gamma, const Variable& beta,
                    const GroupNormOptions& options);

// ---- norm_conv2d.cpp -------------------------------------------------------------------------

// conv2d(group_norm(x)) in one op, which keeps nothing but x: half the memory of the two and less
// traffic. With a skip connection, conv2d(group_norm(concat({x, skip}, 3))).
Variable norm_conv2d(const Variable& x, const Variable& gamma, const Variable& beta,
                     const GroupNormOptions& norm, const Variable& weight,
                     const Conv2dOptions& options = {}, const Conv2dTerms& terms = {});

// ---- softmax.cpp, attention.cpp --------------------------------------------------------------

// Over the last axis. (ACT.5)
Variable softmax(const Variable& x);
// q (n, queries, heads * d), k and v (n, keys, heads * d): softmax(q k^T / sqrt(d)) v for each
// head, without storing the scores. (ATT.1)
Variable attention(const Variable& q, const Variable& k, const Variable& v, Index heads);

// ---- resample.cpp, embedding.cpp, dropout.cpp, loss.cpp --------------------------------------

// x (n, h, w, c) -> (n, h factor, w factor, c), each pixel repeated. (CONV.5)
Variable upsample_nearest(const Variable& x, Index factor = 2);
// x (n, h, w, c_in), weight (c_out, 3, 3, c_in), bias (c_out) or undefined -> (n, 2 h, 2 w, c_out):
// conv2d(upsample_nearest(x), weight, {.padding = 1}, {.bias = bias}) in one op, which keeps the
// small image alone. (CONV.5) (CONV.1)
Variable upsample_conv2d(const Variable& x, const Variable& weight, const Variable& bias = {});
// table (rows, width), index (count) of whole numbers -> (count, width). (EMB.3)
Variable embedding(const Variable& table, const Tensor& index);
// x * mask / (1 - p), where mask (x's shape) is 0 with probability p and 1 otherwise; `uniform` on
// [0, 1) of x's shape decides.
Variable dropout(const Variable& x, Real p, const Tensor& uniform);
// The mean of (a - b)^2 over all elements. (DDPM.21)
Variable mse(const Variable& a, const Variable& b);

// ---- composed: the definitions ---------------------------------------------------------------

// What each fused op means, in primitive ops: the oracle of the tests, and the page to read first.
namespace composed {
Variable silu(const Variable& x);
Variable softmax(const Variable& x);
Variable linear(const Variable& x, const Variable& weight, const Variable& bias = {},
                const Variable& residual = {});
Variable conv2d(const Variable& x, const Variable& weight, const Conv2dOptions& options = {},
                const Conv2dTerms& terms = {});
Variable group_norm(const Variable& x, const Variable& gamma, const Variable& beta,
                    const GroupNormOptions& options);
Variable norm_conv2d(const Variable& x, const Variable& gamma, const Variable& beta,
                     const GroupNormOptions& norm, const Variable& weight,
                     const Conv2dOptions& options = {}, const Conv2dTerms& terms = {});
Variable attention(const Variable& q, const Variable& k, const Variable& v, Index heads);
Variable upsample_nearest(const Variable& x, Index factor = 2);
Variable upsample_conv2d(const Variable& x, const Variable& weight, const Variable& bias = {});
Variable mse(const Variable& a, const Variable& b);
}  // namespace composed

}  // namespace ink
