// Every fused op against its definition in primitive ops, values and gradients.
#include "autograd/ops.h"
#include "tensor/random.h"
#include "tests/support/close.h"
#include "tests/support/op_checks.h"

namespace ink::test {

TEST_CASE("op table: fused equals composed") {
  for_each_case([](const OpRow& row, const OpCase& c) {
    if (!c.composed) return;
    const Tensors inputs = make_inputs(row, c);
    const Result fused = differentiate(c, inputs);
    const Result composed = differentiate(c.composed, leaves(c, inputs));
    // Both sides are rounded.
    CHECK(difference(fused.value, Array(composed.value), 2 * value_tolerance(c), c.scale) == "");
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (c.inputs[i].is_constant) continue;
      INFO("gradient of input ", i);
      CHECK(difference(fused.gradients[i], Array(composed.gradients[i]),
                       2 * gradient_tolerance(c, i, fused.value.count()), Scale::largest) == "");
    }
  });
}

// In a residual block the gradient of x has two parts, and these ops write the sum of both.
TEST_CASE("group_norm and norm_conv2d add to the gradient that their input has") {
  Random random(7);
  for (const auto& [size, channels] : {std::pair<Index, Index>{5, 6}, {8, 32}}) {
    const Tensor x = random.normal({3, size, size, channels}), c = random.normal(x.shape());
    const Variable gamma = random.normal({channels}), beta = random.normal({channels}),
                   weight = random.normal({channels, 3, 3, channels});
    const auto gradient = [&](const auto& op, bool before) {
      const Variable leaf(x, true), h = leaf * 2;
      // What is made last is visited first: `before` is what the op finds.
      const Variable rest = before ? Variable() : exp(h);
      const Variable y = op(h);
      sum((y + (before ? exp(h) : rest)) * Variable(c)).backward();
      return leaf.gradient();
    };
    const double rounding = 64 * kEpsilonOfReal * std::sqrt(9. * static_cast<double>(channels));
    const auto check = [&](const auto& fused, const auto& composed) {
      const Tensor expected = gradient(composed, true);
      check_close(gradient(fused, true), expected, rounding, "after the residual");
      check_close(gradient(fused, false), expected, rounding, "before the residual");
    };
    for (const bool silu : {false, true}) {
      const GroupNormOptions norm{.groups = 2, .silu = silu};
      check([&](const Variable& h) { return group_norm(h, gamma, beta, norm); },
            [&](const Variable& h) { return composed::group_norm(h, gamma, beta, norm); });
      const Conv2dOptions same{.padding = 1};
      check([&](const Variable& h) { return norm_conv2d(h, gamma, beta, norm, weight, same, {}); },
            [&](const Variable& h) {
              return composed::norm_conv2d(h, gamma, beta, norm, weight, same, {});
            });
      // Two inputs that have a gradient already: the second is the skip connection.
      const Index all = channels, half = all / 2;
      const auto halves = [&](const auto& op) {
        return [&, op](const Variable& h) {
          const Variable a = slice(h, 3, 0, half) * 1, b = slice(h, 3, half, all) * 1;
          const Variable y = op(a, b);
          return y + concat({exp(b), exp(a)}, 3);  // made last, visited first
        };
      };
      check(halves([&](const Variable& a, const Variable& b) {
              return norm_conv2d(a, gamma, beta, norm, weight, same, {.skip = b});
            }),
            halves([&](const Variable& a, const Variable& b) {
              return composed::norm_conv2d(a, gamma, beta, norm, weight, same, {.skip = b});
            }));
    }
  }
}

}  // namespace ink::test
