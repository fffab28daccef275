// Parameters: names, the flat buffers and what PyTorch starts them from.
#include "nn/parameter.h"

#include "autograd/ops.h"
#include "nn/layers.h"
#include "tests/support/close.h"
#include "tests/test_io_support.h"

namespace ink::test {
namespace {

using nn::Parameter;
using nn::Parameters;
using nn::Scope;

struct TwoLayers {
  explicit TwoLayers(const Scope& scope)
      : first(scope / "blocks" / 0 / "first", 3, 4), second(scope / "second", 4, 2) {}
  Variable operator()(const Variable& x) const { return second(silu(first(x))); }

  nn::Linear first, second;
};

}  // namespace

TEST_CASE("parameters: a scope names them by their place in the tree of modules") {
  Parameters parameters;
  const TwoLayers model{Scope(parameters)};
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters.list()) names.push_back(parameter.name());
  const std::vector<std::string> expected{"blocks.0.first.weight", "blocks.0.first.bias",
                                          "second.weight", "second.bias"};
  CHECK(names == expected);

  Parameters prefixed;
  const nn::Linear layer(Scope(prefixed, "model."), 1, 1);
  CHECK(layer.weight.name() == "model.weight");
}

TEST_CASE("parameters: are views of one flat buffer in the order in which they were added") {
  Parameters parameters;
  const TwoLayers model{Scope(parameters)};
  CHECK(parameters.count() == 12 + 4 + 8 + 2);
  parameters.allocate(Random(1));
  CHECK(parameters.values().shape() == Shape{26});
  CHECK(parameters.gradients().shape() == Shape{26});
  CHECK(equal(parameters.gradients(), Tensor::zeros({26})));

  Index offset = 0;
  for (const Parameter& parameter : parameters.list()) {
    CHECK(parameter.offset() == offset);
    const Tensor view = Parameters::view(parameters.values(), parameter);
    CHECK(view.data() == parameters.values().data() + offset);
    CHECK(view.data() == parameter.variable().value().data());
    CHECK(view.shape() == parameter.shape());
    CHECK(parameter.variable().gradient().data() == parameters.gradients().data() + offset);
    offset += parameter.shape().count();
  }
  CHECK(offset == parameters.count());

  // What is written to the buffer is what the layers read.
  parameters.values().copy_(Tensor::arange(0, 26));
  CHECK(model.second.bias.variable().value().at({1}) == 25);
  CHECK(model.first.weight.variable().value().at({1, 0}) == 3);
}

TEST_CASE("parameters: backward adds into the flat gradient buffer") {
  Parameters parameters;
  const TwoLayers model{Scope(parameters)};
  parameters.allocate(Random(2));
  const Tensor x = Random(3).normal({5, 3});
  sum(model(x)).backward();
  CHECK(all_finite(parameters.gradients()));
  // d sum(y) / d bias is the number of rows.
  const Tensor dbias = Parameters::view(parameters.gradients(), parameters.find("second.bias"));
  CHECK(equal(dbias, Tensor::full({2}, 5)));

  const Tensor once = parameters.gradients().clone();
  sum(model(x)).backward();
  CHECK(equal(parameters.gradients(), once + once));
  parameters.zero_gradients();
  CHECK(equal(parameters.gradients(), Tensor::zeros({26})));
}

TEST_CASE("parameters: mistakes are named") {
  Parameters parameters;
  const TwoLayers model{Scope(parameters)};
  check_parts(error_of([&] { parameters.add("second.bias", {1}, nn::zeros()); }),
              {"[parameters]", "second.bias", "two parameters"});
  check_parts(error_of([&] { (void)parameters.find("third"); }), {"[parameters]", "third", "4"});
  parameters.allocate(Random(1));
  check_parts(error_of([&] { parameters.add("late", {1}, nn::zeros()); }),
              {"[parameters]", "late", "before allocate()"});
}

TEST_CASE("parameters: a step between forward and backward is noticed") {
  Parameters parameters;
  const TwoLayers model{Scope(parameters)};
  parameters.allocate(Random(2));
  const Variable y = sum(model(Random(3).normal({5, 3})));
  parameters.values().fill_(1);
  check_parts(error_of([&] { y.backward(); }), {"[linear]", "weight", "changed in place"});
}

// ---- first values ----------------------------------------------------------------------------

TEST_CASE("init: the values follow from the seed") {
  const auto values = [](std::uint64_t seed) {
    Parameters parameters;
    const TwoLayers model{Scope(parameters)};
    parameters.allocate(Random(seed));
    return parameters.values();
  };
  CHECK(equal(values(7), values(7)));
  CHECK_FALSE(equal(values(7), values(8)));
}

TEST_CASE("init: linear and convolution layers draw from U(-1/sqrt(fan_in), 1/sqrt(fan_in))") {
  Parameters parameters;
  const nn::Linear linear(Scope(parameters, "linear."), 25, 800);
  const nn::Conv2d conv(Scope(parameters, "conv."), 5, 400, 3);
  parameters.allocate(Random(4));
  const auto check_uniform = [](const Parameter& parameter, double fan_in) {
    const Tensor w = parameter.variable().value();
    const double bound = 1 / std::sqrt(fan_in), n = static_cast<double>(w.count());
    const double largest = max(w).item(), smallest = -max(-w).item();
    CAPTURE(parameter.name());
    CHECK(largest <= bound);
    CHECK(smallest >= -bound);
    // The extremes of n draws lie within 10 / n of the ends but for a chance of e^-5 each.
    CHECK(largest > bound * (1 - 20 / n));
    CHECK(smallest < -bound * (1 - 20 / n));
    const Moments got = moments(w);
    const double variance = bound * bound / 3;
    check_near(got.mean, 0, 5 * std::sqrt(variance / n), "mean");
    // The fourth moment of U(-b, b) is b^4 / 5, so x^2 has the variance 4 b^4 / 45.
    check_near(got.variance, variance, 5 * bound * bound * std::sqrt(4 / 45. / n), "variance");
  };
  check_uniform(linear.weight, 25);
  check_uniform(linear.bias, 25);
  check_uniform(conv.weight, 45);
  check_uniform(conv.bias, 45);
}

TEST_CASE("init: last layers start at zero, norms at one and zero, embeddings normal") {
  Parameters parameters;
  const nn::Linear linear(Scope(parameters, "linear."), 5, 6, nn::Start::zero);
  const nn::Conv2d conv(Scope(parameters, "conv."), 5, 6, 3, 1, nn::Start::zero);
  const nn::GroupNorm norm(Scope(parameters, "norm."), 2, 6);
  const nn::Embedding table(Scope(parameters, "table."), 100, 64);
  parameters.allocate(Random(5));
  for (const Parameter& zero : {linear.weight, linear.bias, conv.weight, conv.bias, norm.bias}) {
    CHECK(equal(zero.variable().value(), Tensor::zeros(zero.shape())));
  }
  CHECK(equal(norm.weight.variable().value(), Tensor::ones({6})));
  check_normal(table.weight.variable().value(), 0, 1);
}

TEST_CASE("init: a normal initializer has the deviation that it was given") {
  Parameters parameters;
  parameters.add("w", {100, 50}, nn::normal(Real(0.02)));
  parameters.allocate(Random(6));
  check_normal(parameters.values(), 0, 0.02 * 0.02);
}

}  // namespace ink::test
