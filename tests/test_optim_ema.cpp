// The exponential moving average of the parameters, and using it for a while.
#include "nn/optim/ema.h"

#include <stdexcept>

#include "tests/support/close.h"

namespace ink::test {
namespace {

nn::Parameters one_parameter(Index count, Real value) {
  nn::Parameters parameters;
  parameters.add("w", {count},
                 [value](Random&, const Shape& shape) { return Tensor::full(shape, value); });
  parameters.allocate(Random(1));
  return parameters;
}

}  // namespace

TEST_CASE("ema (OPT.5): while the decay warms up, the start is forgotten as in the closed form") {
  // Parameters at 1, an average that starts at 0: after k updates it has kept the product of the
  // decays (j + 1) / (j + 10), which is 10! / ((k + 2) ... (k + 10)), of its distance from them.
  nn::Parameters parameters = one_parameter(5, 0);
  nn::Ema ema(parameters, Real(0.9999));
  parameters.values().fill_(1);
  for (Index k = 1; k <= 40; ++k) {
    ema.update();
    double kept = 1;
    for (Index j = 2; j <= 10; ++j) kept *= static_cast<double>(j) / static_cast<double>(k + j);
    CAPTURE(k);
    check_close(ema.average(), Tensor::full({5}, static_cast<Real>(1 - kept)), 4 * kEpsilonOfReal);
  }
  CHECK(ema.updates() == 40);
  CHECK(ema.average().at({0}) > Real(0.9999));  // a decay of 0.9999 alone would have reached 0.004
}

TEST_CASE("ema (OPT.5): the decay never exceeds its bound") {
  nn::Parameters parameters = one_parameter(1, 0);
  nn::Ema ema(parameters, Real(0.5));
  ema.set_updates(7);  // the next decay is (8 + 1) / (8 + 10) = 0.5
  parameters.values().fill_(1);
  double distance = 1;
  for (int i = 0; i < 10; ++i) {
    ema.update();
    distance /= 2;
    CHECK(ema.average().item() == static_cast<Real>(1 - distance));
  }
}

TEST_CASE("ema: starts as a copy of the parameters and then keeps its own values") {
  nn::Parameters parameters = one_parameter(3, 2);
  nn::Ema ema(parameters, Real(0.999));
  CHECK(equal(ema.average(), Tensor::full({3}, 2)));
  parameters.values().fill_(5);
  CHECK(equal(ema.average(), Tensor::full({3}, 2)));
}

TEST_CASE("with values: the parameters hold others for a while, and return after an exception") {
  nn::Parameters parameters = one_parameter(3, 1);
  const nn::Parameter& w = parameters.find("w");
  const Tensor other = Tensor::full({3}, 7), third = Tensor::full({3}, 9);
  {
    const nn::WithValues outer(parameters, other);
    CHECK(equal(w.variable().value(), other));
    {
      const nn::WithValues inner(parameters, third);
      CHECK(equal(w.variable().value(), third));
    }
    CHECK(equal(w.variable().value(), other));
  }
  CHECK(equal(w.variable().value(), Tensor::ones({3})));

  try {
    const nn::WithValues values(parameters, other);
    throw std::runtime_error("sampling failed");
  } catch (const std::runtime_error&) {
    CHECK(equal(w.variable().value(), Tensor::ones({3})));
  }
  CHECK(equal(other, Tensor::full({3}, 7)));
}

}  // namespace ink::test
