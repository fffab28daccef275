// AdamW and clipping against PyTorch, the learning rate, gradient accumulation.
#include "nn/optim/adamw.h"

#include "autograd/ops.h"
#include "nn/layers.h"
#include "nn/optim/ema.h"
#include "tensor/optimizer.h"
#include "tests/support/close.h"
#include "tests/support/reference.h"

namespace ink::test {
namespace {

using nn::Parameter;
using nn::Parameters;
using nn::Scope;

// The three parameters of tests/reference/adamw.safetensors.
struct ReferenceParameters {
  ReferenceParameters() {
    parameters.add("matrix", {5, 3}, nn::zeros());
    parameters.add("vector", {7}, nn::zeros());
    parameters.add("kernel", {2, 3, 3, 3}, nn::zeros());
    parameters.allocate(Random(1));
  }
  // Fills a flat buffer with the stored tensors "<parameter>.<what>", or their entry of a step.
  void fill(Tensor& flat, const Reference& reference, const std::string& what,
            Index step = -1) const {
    for (const Parameter& parameter : parameters.list()) {
      Tensor value = reference.stored(parameter.name() + "." + what);
      if (step >= 0) value = value.slice(0, step, step + 1).squeeze(0);
      Parameters::view(flat, parameter).copy_(value);
    }
  }
  Tensor read(const Reference& reference, const std::string& what, Index step = -1) const {
    Tensor flat({parameters.count()});
    fill(flat, reference, what, step);
    return flat;
  }

  Parameters parameters;
};

Real at(const Reference& reference, const std::string& name, Index step) {
  return reference.stored(name).at({step});
}

}  // namespace

TEST_CASE("torch: ten steps of AdamW (OPT.1) (OPT.2) (OPT.3) (OPT.4), and the EMA beside them") {
  for (const std::string the_case : {"constant", "scheduled"}) {
    CAPTURE(the_case);
    const Reference reference("adamw", the_case);
    ReferenceParameters model;
    model.fill(model.parameters.values(), reference, "start");
    Tensor average = model.parameters.values().clone();
    nn::AdamW optimizer(model.parameters,
                        {.beta1 = static_cast<Real>(reference.number("beta1")),
                         .beta2 = static_cast<Real>(reference.number("beta2")),
                         .epsilon = static_cast<Real>(reference.number("eps")),
                         .weight_decay = static_cast<Real>(reference.number("weight_decay"))});
    for (Index step = 0; step < 10; ++step) {
      model.fill(model.parameters.gradients(), reference, "gradient", step);
      const Tensor gradients = model.parameters.gradients().clone();
      optimizer.step(at(reference, "lr", step));
      ema_(average, model.parameters.values(), at(reference, "ema_decay", step));
      CAPTURE(step);
      CHECK(optimizer.steps() == step + 1);
      CHECK(equal(model.parameters.gradients(), gradients));
      check_close(model.parameters.values(), model.read(reference, "value", step), kAgainstTorch,
                  "parameters");
      check_close(average, model.read(reference, "ema", step), kAgainstTorch, "average");
    }
  }
}

TEST_CASE("torch: the norm of the gradients and its clipping") {
  for (const std::string the_case : {"clip_active", "clip_inactive"}) {
    CAPTURE(the_case);
    const Reference reference("adamw", the_case);
    ReferenceParameters model;
    model.fill(model.parameters.gradients(), reference, "gradient");
    nn::AdamW optimizer(model.parameters,
                        {.max_gradient_norm = static_cast<Real>(reference.number("max_norm"))});
    const double norm = static_cast<double>(optimizer.step(Real(0.1)).item());
    check_near(norm, reference.number("norm"), kAgainstTorch * norm, "norm before clipping");
    // The first moment is a tenth of the gradient after one step.
    const Tensor clipped = optimizer.moment1() / (1 - Real(0.9));
    check_close(clipped, model.read(reference, "clipped"), kAgainstTorch, "clipped");
  }
}

TEST_CASE("adamw: the first step is lr g / (|g| + epsilon), thanks to bias correction (OPT.3)") {
  ReferenceParameters model;
  const Tensor g = Random(1).normal({model.parameters.count()});
  model.parameters.gradients().copy_(g);
  nn::AdamW(model.parameters, {.epsilon = Real(1e-3)}).step(Real(0.01));
  const Tensor expected = g / (map(Abs{}, g) + Real(1e-3)) * Real(-0.01);
  check_close(model.parameters.values(), expected, 16 * kEpsilonOfReal);
}

TEST_CASE("adamw: weight decay shrinks what has no gradient (OPT.4)") {
  ReferenceParameters model;
  model.parameters.values().fill_(3);
  nn::AdamW optimizer(model.parameters, {.weight_decay = Real(0.1)});
  for (int i = 0; i < 5; ++i) optimizer.step(Real(0.5));
  const auto expected = static_cast<Real>(3 * std::pow(1 - 0.5 * 0.1, 5));
  check_close(model.parameters.values(), Tensor::full({model.parameters.count()}, expected),
              16 * kEpsilonOfReal);
}

TEST_CASE("adamw: goes on from a restored state with the same bits") {
  const auto gradients = [](Index step) { return Random(10 + step).normal({76}); };
  ReferenceParameters model;
  REQUIRE(model.parameters.count() == 76);
  nn::AdamW optimizer(model.parameters, {.weight_decay = Real(0.1), .max_gradient_norm = 2});
  const auto run = [&](ReferenceParameters& m, nn::AdamW& o, Index first, Index last) {
    for (Index step = first; step < last; ++step) {
      m.parameters.gradients().copy_(gradients(step));
      o.step(Real(0.01));
    }
  };
  run(model, optimizer, 0, 3);

  ReferenceParameters copy;
  nn::AdamW resumed(copy.parameters, {.weight_decay = Real(0.1), .max_gradient_norm = 2});
  copy.parameters.values().copy_(model.parameters.values());
  resumed.moment1().copy_(optimizer.moment1());
  resumed.moment2().copy_(optimizer.moment2());
  resumed.set_steps(optimizer.steps());
  run(model, optimizer, 3, 6);
  run(copy, resumed, 3, 6);
  CHECK(equal(copy.parameters.values(), model.parameters.values()));
}

TEST_CASE("adamw: a gradient of zeros is no reason to divide by zero") {
  ReferenceParameters model;
  model.parameters.values().fill_(1);
  nn::AdamW optimizer(model.parameters, {.max_gradient_norm = 1});
  CHECK(optimizer.step(Real(0.1)).item() == 0);
  CHECK(equal(model.parameters.values(), Tensor::ones({76})));
}

// ---- learning rate ---------------------------------------------------------------------------

TEST_CASE("learning rate (OPT.6): rises, stays, falls along half a cosine") {
  const nn::LearningRate rate{.peak = 2, .warmup = 4, .decay_start = 10, .total = 20};
  CHECK(rate.at(0) == Real(0.5));
  CHECK(rate.at(1) == 1);
  CHECK(rate.at(3) == 2);
  for (Index step = 4; step <= 10; ++step) CHECK(rate.at(step) == 2);
  check_near(rate.at(15), 1, 4 * kEpsilonOfReal, "half way down");
  check_near(rate.at(12), 1 + std::cos(0.2 * 3.14159265358979323846), 4 * kEpsilonOfReal,
             "a fifth");
  for (Index step = 10; step < 20; ++step) CHECK(rate.at(step + 1) < rate.at(step));
  CHECK(rate.at(20) == 0);
  CHECK(rate.at(1000) == 0);
}

TEST_CASE("learning rate (OPT.6): each part can be left out") {
  const nn::LearningRate constant{.peak = Real(0.1)};
  CHECK(constant.at(0) == Real(0.1));
  CHECK(constant.at(1'000'000) == Real(0.1));
  const nn::LearningRate warmup{.peak = 1, .warmup = 2};
  CHECK(warmup.at(0) == Real(0.5));
  CHECK(warmup.at(1'000'000) == 1);
  const nn::LearningRate decay{.peak = 1, .decay_start = 0, .total = 2};
  CHECK(decay.at(0) == 1);
  check_near(decay.at(1), 0.5, kEpsilonOfReal);
  CHECK(decay.at(2) == 0);
}

// ---- gradient accumulation -------------------------------------------------------------------

TEST_CASE("gradient accumulation: k small batches are one large one") {
  Parameters parameters;
  const Scope scope(parameters);
  const nn::Conv2d first(scope / "first", 1, 4, 3), last(scope / "last", 4, 1, 3);
  const nn::GroupNorm norm(scope / "norm", 2, 4);
  parameters.allocate(Random(1));
  Random random(2);
  const Index n = 12, k = 3;
  const Tensor x = random.normal({n, 5, 5, 1}), target = random.normal({n, 5, 5, 1});
  const auto loss = [&](Index from, Index to) {
    const Tensor part = x.slice(0, from, to);
    return mse(last(norm.then_silu(first(part))), target.slice(0, from, to));
  };

  const Variable whole = loss(0, n);
  whole.backward();
  const Tensor expected = parameters.gradients().clone();
  parameters.zero_gradients();
  double mean_loss = 0;
  for (Index part = 0; part < k; ++part) {
    const Variable share = loss(part * n / k, (part + 1) * n / k) / static_cast<Real>(k);
    mean_loss += static_cast<double>(share.item());
    share.backward();
  }
  // Each gradient adds up n * 25 products of a few roundings each.
  const double rounding = 4 * kEpsilonOfReal * std::sqrt(static_cast<double>(n * 25));
  check_near(mean_loss, whole.item(), rounding, "loss");
  check_close(parameters.gradients(), expected, rounding, "gradients");
}

}  // namespace ink::test
