// Weights that are packed once and read many times.
#include <doctest/doctest.h>

#include <functional>
#include <utility>

#include "autograd/ops.h"
#include "tensor/ops.h"
#include "tensor/random.h"

namespace ink::test {
namespace {

using Op = std::function<Variable(const Variable& x, const Variable& weight)>;

Variable normalized(const Variable& x, const Variable& weight) {
  const Variable gamma(Tensor::ones({x.size(3)})), beta(Tensor::zeros({x.size(3)}));
  return norm_conv2d(x, gamma, beta, {.groups = 4, .silu = true}, weight, {.padding = 1}, {});
}

}  // namespace

TEST_CASE("packed weights: kept without recording, until the weights are written to") {
  const std::vector<std::pair<std::string, Op>> ops = {
      {"Winograd's algorithm",
       [](const auto& x, const auto& w) { return conv2d(x, w, {.padding = 1}); }},
      {"the direct kernel",
       [](const auto& x, const auto& w) { return conv2d(x, w, {.stride = 2, .padding = 1}); }},
      {"norm_conv2d", normalized},
      {"upsample_conv2d", [](const auto& x, const auto& w) { return upsample_conv2d(x, w, {}); }},
  };
  for (const auto& named : ops) {
    const std::string& name = named.first;
    const Op& op = named.second;
    CAPTURE(name);
    Random random(1);
    const Variable x(random.normal({2, 6, 6, 16}));
    Tensor w = random.normal({16, 3, 3, 16});
    const auto run = [&] { return op(x, Variable(w)).value(); };
    const Tensor recorded = run();
    CHECK(w.packed_weights().size() == 0);

    const NoGrad no_grad;
    CHECK(equal(run(), recorded));
    CHECK(w.packed_weights().size() == 1);
    // A write behind the tensor's back, which shows that the packed ones are read.
    Real& first = *const_cast<Real*>(w.data());  // NOLINT
    const Real before = std::exchange(first, Real(100));
    CHECK(equal(run(), recorded));
    first = before;

    w.copy_(random.normal(w.shape()));
    CHECK(w.packed_weights().size() == 0);
    const Tensor changed = run();
    CHECK_FALSE(equal(changed, recorded));
    CHECK(equal(changed, op(x, Variable(w.clone())).value()));
  }
}

TEST_CASE("packed weights: each part of a flat buffer has its own") {
  Random random(1);
  const Variable x(random.normal({2, 6, 6, 16}));
  Tensor flat = random.normal({2 * 16 * 9 * 16});
  const NoGrad no_grad;
  for (int round = 0; round < 2; ++round)
    for (Index part = 0; part < 2; ++part) {
      const Tensor w =
          flat.slice(0, part * 16 * 9 * 16, (part + 1) * 16 * 9 * 16).reshape({16, 3, 3, 16});
      const auto y = [&](const Tensor& weight) {
        return conv2d(x, Variable(weight), {.padding = 1}).value();
      };
      CHECK(equal(y(w), y(w.clone())));
    }
  CHECK(flat.packed_weights().size() == 2);
  flat.slice(0, 0, 1).fill_(0);
  CHECK(flat.packed_weights().size() == 0);
}

}  // namespace ink::test
