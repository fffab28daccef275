// The layers, against what they are defined to be.
#include "nn/layers.h"

#include "tests/support/close.h"
#include "tests/test_io_support.h"

namespace ink::test {
namespace {

using nn::Parameters;
using nn::Scope;

}  // namespace

TEST_CASE("linear: x weight^T + bias, and a residual") {
  Parameters parameters;
  const nn::Linear layer{Scope(parameters), 2, 3};
  parameters.allocate(Random(1));
  parameters.values().copy_(Tensor::from({1, 2, 3, 4, 5, 6, 10, 20, 30}, {9}));
  const Tensor x = Tensor::from({1, 0, 0, 1, 2, 1}, {3, 2});
  const Tensor y = Tensor::from({11, 23, 35, 12, 24, 36, 14, 30, 46}, {3, 3});
  CHECK(equal(layer(x).value(), y));
  CHECK(equal(layer(x.reshape({1, 3, 1, 2})).value(), y.reshape({1, 3, 1, 3})));
  const Tensor residual = Tensor::arange(0, 9).reshape({3, 3});
  CHECK(equal(layer(x, residual).value(), y + residual));
  check_parts(error_of([&] { layer(Tensor::zeros({3, 4})); }), {"[linear]", "(3,4)", "(3,2)"});
}

TEST_CASE("conv2d: its padding keeps the size at stride 1 and halves it at stride 2") {
  for (const Index kernel : {1, 3, 5}) {
    Parameters parameters;
    const nn::Conv2d same(Scope(parameters, "same."), 3, 4, kernel);
    const nn::Conv2d halves(Scope(parameters, "halves."), 3, 4, kernel, 2);
    parameters.allocate(Random(1));
    CHECK(same.weight.shape() == Shape{4, kernel, kernel, 3});
    CHECK(same(Tensor::zeros({2, 6, 8, 3})).shape() == Shape{2, 6, 8, 4});
    CHECK(halves(Tensor::zeros({2, 6, 8, 3})).shape() == Shape{2, 3, 4, 4});
    CHECK(halves(Tensor::zeros({2, 7, 5, 3})).shape() == Shape{2, 4, 3, 4});
  }
}

TEST_CASE("conv2d: adds the bias of its images and a residual") {
  Parameters parameters;
  const nn::Conv2d layer{Scope(parameters), 2, 3, 3};
  parameters.allocate(Random(1));
  Random random(2);
  const Tensor x = random.normal({2, 4, 5, 2}), of_image = random.normal({2, 3}),
               residual = random.normal({2, 4, 5, 3});
  const Tensor expected = layer(x).value() + of_image.reshape({2, 1, 1, 3}) + residual;
  check_close(layer(x, {.image_bias = of_image, .residual = residual}).value(), expected,
              8 * kEpsilonOfReal);
}

TEST_CASE("group_norm: normalises groups, and then_silu is its silu") {
  Parameters parameters;
  const nn::GroupNorm norm{Scope(parameters), 2, 6};
  parameters.allocate(Random(1));
  Random random(2);
  const Tensor x = random.normal({3, 4, 5, 6}, 2, 3);
  const Tensor y = norm(x).value();
  for (const Index group : {0, 1}) {  // with gamma = 1 and beta = 0
    const Moments got = moments(y.slice(0, 1, 2).slice(3, 3 * group, 3 * group + 3));
    check_near(got.mean, 0, 64 * kEpsilonOfReal, "mean");
    check_near(got.variance, 1, 2e-5, "variance, with epsilon = 1e-5");
  }

  const Tensor values = random.normal({12}), dy = random.normal(x.shape());
  parameters.values().copy_(values);
  const auto gradients = [&](const Variable& leaf, const Variable& out) {
    parameters.zero_gradients();
    out.backward(dy);
    return Tensors{leaf.gradient(), parameters.gradients().clone()};
  };
  const Variable a(x, true), b(x, true);
  const Variable fused = norm.then_silu(a), composed = silu(norm(b));
  check_close(fused.value(), composed.value(), 8 * kEpsilonOfReal);
  const Tensors got = gradients(a, fused), expected = gradients(b, composed);
  check_close(got[0], expected[0], 64 * kEpsilonOfReal, "dx");
  check_close(got[1], expected[1], 64 * kEpsilonOfReal, "dgamma, dbeta");

  Parameters others;
  check_parts(error_of([&] { nn::GroupNorm(Scope(others), 4, 6); }),
              {"[group_norm]", "6 channels", "4"});
}

TEST_CASE("embedding: looks rows up, and its gradient adds up repeated ones") {
  Parameters parameters;
  const nn::Embedding table{Scope(parameters), 4, 2};
  parameters.allocate(Random(1));
  const Tensor rows = table.weight.variable().value();
  const Tensor index = Tensor::from({3, 0, 3}, {3});
  const Variable y = table(index);
  CHECK(equal(y.value(),
              concat(Tensors{rows.slice(0, 3, 4), rows.slice(0, 0, 1), rows.slice(0, 3, 4)}, 0)));
  y.backward(Tensor::from({1, 2, 10, 20, 100, 200}, {3, 2}));
  CHECK(equal(parameters.gradients(), Tensor::from({10, 20, 0, 0, 0, 0, 101, 202}, {8})));
  check_parts(error_of([&] { table(Tensor::from({4}, {1})); }), {"from 0 to 3", "4"});
  check_parts(error_of([&] { table(Tensor::from({0.5}, {1})); }), {"whole", "0.5"});
}

TEST_CASE("dropout: zeroes a share p and scales the rest; its gradient has the same mask") {
  Random random(1);
  const nn::Dropout dropout{Real(0.3)};
  const Tensor value = Tensor::full({100, 200}, 2);
  const Variable x(value, true);
  const Variable y = dropout(x, &random);
  Index zeros = 0;
  const Real kept = Real(2) / (1 - Real(0.3));
  for (const Real v : y.value().to_vector()) {
    if (v == 0) {
      ++zeros;
    } else {
      REQUIRE(v == doctest::Approx(kept).epsilon(4 * kEpsilonOfReal));
    }
  }
  const double n = 20000;
  check_near(static_cast<double>(zeros) / n, 0.3, 5 * std::sqrt(0.3 * 0.7 / n), "share of zeros");
  y.backward(Tensor::ones(value.shape()));
  check_close(x.gradient() * Real(2), y.value(), 2 * kEpsilonOfReal, "mask");

  CHECK_FALSE(equal(dropout(x, &random).value(), y.value()));  // the stream moves on
  Random again(1);
  CHECK(equal(dropout(value, &again).value(), y.value()));
}

TEST_CASE("dropout: leaves x as it is without random numbers or with p = 0") {
  const Variable x(Random(1).normal({3, 4}), true);
  CHECK(nn::Dropout{Real(0.5)}(x, nullptr).node() == x.node());
  Random random(1);
  CHECK(nn::Dropout{0}(x, &random).node() == x.node());
  CHECK(random.position() == 0);
  check_parts(error_of([&] { nn::Dropout{1}(x, &random); }), {"[dropout]", "p < 1", "got 1"});
}

TEST_CASE("sequential: calls one layer after the other") {
  Parameters parameters;
  const Scope scope(parameters);
  const nn::Sequential mlp{nn::Linear(scope / 0, 3, 5), nn::Silu{}, nn::Linear(scope / 2, 5, 2)};
  parameters.allocate(Random(1));
  const Tensor x = Random(2).normal({4, 3});
  const auto& [first, second, third] = mlp.layers;
  CHECK(equal(mlp(x).value(), third(second(first(x))).value()));
  CHECK(parameters.list().front().name() == "0.weight");
  CHECK(parameters.list().back().name() == "2.bias");
  CHECK(equal(nn::Sequential{nn::Silu{}}(x).value(), silu(x).value()));
}

// ---- the embedding of time -------------------------------------------------------------------

TEST_CASE("timestep_embedding (EMB.1): cosines, then sines, of t max_period^(-i / half)") {
  const Tensor y = nn::timestep_embedding(Tensor::from({0, 1, 999}, {3}), 6, 100);
  const std::vector<double> times{0, 1, 999};
  const double tolerance = 4 * kEpsilonOfReal + 1e-12;  // the angle of 999 is a double here
  for (Index row = 0; row < 3; ++row) {
    for (Index i = 0; i < 3; ++i) {
      const double angle =
          times[static_cast<std::size_t>(row)] * std::pow(100, -static_cast<double>(i) / 3);
      check_near(y.at({row, i}), std::cos(angle), tolerance, "cosine");
      check_near(y.at({row, 3 + i}), std::sin(angle), tolerance, "sine");
    }
  }
}

TEST_CASE("timestep_embedding (EMB.1): the product of two embeddings depends on t - s alone") {
  const Tensor e = nn::timestep_embedding(Tensor::from({10, 17, 510, 517}, {4}), 32);
  const Tensor products = matmul(e, e, false, true);
  check_near(products.at({0, 0}), 16, 64 * kEpsilonOfReal, "length");
  check_near(products.at({0, 1}), products.at({2, 3}), 64 * kEpsilonOfReal, "shift by 7");
  check_near(products.at({0, 2}), products.at({1, 3}), 64 * kEpsilonOfReal, "shift by 500");
}

TEST_CASE("timestep_embedding: refuses odd widths and times that are not a list") {
  const Tensor t = Tensor::from({1, 2}, {2});
  check_parts(error_of([&] { (void)nn::timestep_embedding(t, 5); }), {"even width", "5"});
  check_parts(error_of([&] { (void)nn::timestep_embedding(t.unsqueeze(0), 4); }), {"(1,2)"});
}

}  // namespace ink::test
