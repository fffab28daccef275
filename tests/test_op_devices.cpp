// Every op on CUDA against the CPU, in builds that have CUDA.
#include "tests/support/op_checks.h"

namespace ink::test {

TEST_CASE("op table: CUDA equals the CPU") {
  if constexpr (kCuda) {
    for_each_case([](const OpRow& row, const OpCase& c) {
      const Result cpu = differentiate(c, make_inputs(row, c));
      const Result cuda = differentiate(c, make_inputs(row, c, Device::cuda));
      CHECK(difference(cuda.value, Array(cpu.value), 2 * value_tolerance(c), c.scale) == "");
      for (std::size_t i = 0; i < cpu.gradients.size(); ++i) {
        if (c.inputs[i].is_constant) continue;
        INFO("gradient of input ", i);
        CHECK(difference(cuda.gradients[i], Array(cpu.gradients[i]),
                         2 * gradient_tolerance(c, i, cpu.value.count()), Scale::largest) == "");
      }
    });
  }
}

}  // namespace ink::test
