#include "nn/layers.h"

#include <cmath>

#include "tensor/check.h"
#include "tensor/graph.h"
#include "tensor/ops.h"

namespace ink::nn {
namespace {

Initializer first_values(Start start, Index fan_in) {
  return start == Start::zero ? zeros() : uniform_fan_in(fan_in);
}

}  // namespace

Linear::Linear(const Scope& scope, Index in, Index out, Start start)
    : weight(scope.parameter("weight", {out, in}, first_values(start, in))),
      bias(scope.parameter("bias", {out}, first_values(start, in))) {}

Variable Linear::operator()(const Variable& x, const Variable& residual) const {
  return linear(x, weight, bias, residual);
}

Conv2d::Conv2d(const Scope& scope, Index in, Index out, Index kernel, Index stride, Start start)
    : weight(scope.parameter("weight", {out, kernel, kernel, in},
                             first_values(start, in * kernel * kernel))),
      bias(scope.parameter("bias", {out}, first_values(start, in * kernel * kernel))),
      options{.stride = stride, .padding = kernel / 2} {}

Variable Conv2d::operator()(const Variable& x, Conv2dTerms terms) const {
  terms.bias = bias;
  return conv2d(x, weight, options, terms);
}

GroupNorm::GroupNorm(const Scope& scope, Index groups, Index channels, Real epsilon)
    : weight(scope.parameter("weight", {channels}, ones())),
      bias(scope.parameter("bias", {channels}, zeros())),
      options{.groups = groups, .epsilon = epsilon} {
  check(groups >= 1 && channels % groups == 0, "group_norm",
        "expected groups that divide the {} channels, got {}", channels, groups);
}

Variable GroupNorm::operator()(const Variable& x) const {
  return group_norm(x, weight, bias, options);
}

namespace {

GroupNormOptions with_silu(GroupNormOptions options) {
  options.silu = true;
  return options;
}

}  // namespace

Variable GroupNorm::then_silu(const Variable& x) const {
  return group_norm(x, weight, bias, with_silu(options));
}

Variable GroupNorm::then_silu(const Variable& x, const Conv2d& conv, Conv2dTerms terms) const {
  terms.bias = conv.bias;
  return norm_conv2d(x, weight, bias, with_silu(options), conv.weight, conv.options, terms);
}

Embedding::Embedding(const Scope& scope, Index rows, Index width)
    : weight(scope.parameter("weight", {rows, width}, normal())) {}

Variable Dropout::operator()(const Variable& x, Random* random) const {
  return random == nullptr || p == 0 ? x : dropout(x, p, random->uniform(x.shape()));
}

namespace {

// The 12 leading bits of x: their product with a whole number below 4096 is exact in float.
double leading_bits(double x) {
  int exponent = 0;
  const double mantissa = std::frexp(x, &exponent);
  return std::ldexp(std::round(std::ldexp(mantissa, 12)), exponent - 12);
}

// The frequencies of a time embedding: max_period^(-i / half).
double frequency(Index i, Index half, Real max_period) {
  const double exponent = -static_cast<double>(i) / static_cast<double>(half);
  return std::pow(static_cast<double>(max_period), exponent);
}

}  // namespace

Tensor timestep_embedding(const Tensor& t, Index width, Real max_period) {
  check(t.axes() == 1 && width >= 2 && width % 2 == 0, "timestep_embedding",
        "expected times (n) and an even width, got {} and {}", t.shape(), width);
  const Index half = width / 2;
  // An angle of 1000 in float is off by 3e-5: cut each frequency in two, so that t times the first
  // part is exact and t times the rest is small.
  const auto angles = [&](bool leading) {
    const auto write = [half, max_period, leading](Real* to) {
      for (Index i = 0; i < half; ++i) {
        const double whole = frequency(i, half, max_period), first = leading_bits(whole);
        to[i] = static_cast<Real>(leading ? first : whole - first);
      }
    };
    return t.unsqueeze(1) * varying_tensor({1, half}, t.device(), write);
  };
  const Tensor a = angles(true), b = angles(false);
  const Tensor cosine = cos(a) * cos(b) - sin(a) * sin(b);  // (EMB.5)
  const Tensor sine = sin(a) * cos(b) + cos(a) * sin(b);
  return concat(Tensors{cosine, sine}, 1);  // (EMB.1)
}

}  // namespace ink::nn
