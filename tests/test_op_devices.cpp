// Every op on CUDA against the CPU, in builds that have CUDA. All device memory starts as NaN and
// is fenced; the kernels run under every schedule of the emulator.
#include "tensor/ops.h"
#include "tests/support/op_checks.h"
#include "tests/support/precision.h"
#include "tests/support/schedules.h"

namespace ink::test {
namespace {

// Runs a case on CUDA between guard zones.
Result on_cuda(const OpRow& row, const OpCase& c) {
  const GuardedAllocations guards;
  return differentiate(c, make_inputs(row, c, Device::cuda));
}

void check_agreement(const OpCase& c, const Result& cuda, const Result& cpu) {
  CHECK(difference(cuda.value, Array(cpu.value), 2 * value_tolerance(c), c.scale) == "");
  for (std::size_t i = 0; i < cpu.gradients.size(); ++i) {
    if (c.inputs[i].is_constant) continue;
    INFO("gradient of input ", i);
    CHECK(difference(cuda.gradients[i], Array(cpu.gradients[i]),
                     2 * gradient_tolerance(c, i, cpu.value.count()), Scale::largest) == "");
  }
}

}  // namespace

TEST_CASE("op table: CUDA equals the CPU, with the same bits under every schedule") {
  if constexpr (kCuda) {
    const WithPrecision exact(cuda::Precision::exact);
    for_each_case([](const OpRow& row, const OpCase& c) {
      const Result first = on_cuda(row, c);
      check_agreement(c, first, differentiate(c, make_inputs(row, c)));
      for_each_schedule([&] { CHECK(different_bits(on_cuda(row, c), first) == ""); });
    });
  }
}

}  // namespace ink::test
