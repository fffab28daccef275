// Every fused op against its definition in primitive ops, values and gradients.
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

}  // namespace ink::test
