// Every op between guard zones, on memory filled with NaN: it writes all of its outputs and nothing
// else.
#include "tensor/ops.h"
#include "tests/support/op_checks.h"

namespace ink::test {

TEST_CASE("op table: guard zones and NaN poison") {
  for_each_case([](const OpRow& row, const OpCase& c) {
    const Result expected = differentiate(c, make_inputs(row, c));
    const GuardedAllocations guards;
    const Result result = differentiate(c, make_inputs(row, c));
    CHECK_NOTHROW(guards.check_guards());
    CHECK(all_finite(result.value));
    for (const Tensor& gradient : result.gradients) {
      if (gradient.defined()) CHECK(all_finite(gradient));
    }
    // What lies in memory before, and around it, changes nothing.
    CHECK(different_bits(result, expected) == "");
  });
}

}  // namespace ink::test
