// Every op against a naive reference in double.
#include "tests/support/op_checks.h"

namespace ink::test {

TEST_CASE("op table: values") {
  for_each_case([](const OpRow& row, const OpCase& c) {
    const Tensors inputs = make_inputs(row, c);
    const Variable y = c.run(constants(inputs));
    CHECK_FALSE(y.requires_grad());
    CHECK(difference(y.value(), c.reference(to_arrays(inputs)), value_tolerance(c), c.scale) == "");
  });
}

}  // namespace ink::test
