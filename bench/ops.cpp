#include "bench/ops.h"

#include <fmt/format.h>

#include "bench/timer.h"
#include "tests/support/op_table/op_table.h"

namespace ink::bench {
namespace {

constexpr int kRuns = 5;

void bench_case(const test::OpRow& row, const test::OpCase& op_case) {
  const Tensors inputs = test::make_inputs(row, op_case);
  const std::vector<Variable> constants = test::constants(inputs);
  const double forward = best_of(kRuns, [&] { op_case.run(constants); });
  const Tensor seed = Tensor::ones(op_case.run(constants).shape());
  const double both =
      best_of(kRuns, [&] { op_case.run(test::leaves(op_case, inputs)).backward(seed); });
  fmt::print("{:<24} {:<48} {:>9.3f} ms {:>9.3f} ms {:>9.1f} GFLOP/s\n", row.op, op_case.name,
             1e3 * forward, 1e3 * (both - forward), op_case.flops / forward / 1e9);
}

}  // namespace

void bench_ops() {
  fmt::print("{:<24} {:<48} {:>12} {:>12} {:>17}\n", "op", "inputs", "forward", "backward",
             "forward");
  for (const test::OpRow& row : test::op_table()) {
    for (const test::OpCase& op_case : row.benchmarks) bench_case(row, op_case);
  }
}

}  // namespace ink::bench
