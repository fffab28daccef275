// The op table: one row for each function of autograd/ops.h. From it come the tests of values,
// gradients, fused against composed, guard zones, threads, views and devices, and the benchmark of
// the kernels. It depends on the library alone, not on the test framework.
//
//   for (const OpRow& row : op_table())
//     for (const OpCase& c : row.benchmarks) {
//       const Tensors inputs = make_inputs(row, c);
//       time([&] { c.run(constants(inputs)); }), c.flops ...
//     }
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "autograd/variable.h"
#include "tests/support/op_table/array.h"

namespace ink::test {

enum class Fill {
  normal,     // mean a, deviation b
  uniform,    // on [a, b)
  separated,  // the numbers (k + 1/2) / 10, k whole, in random order: no two equal, none at a tenth
  whole,      // whole numbers from 0 to b - 1
};

// What one input of an op looks like. All numbers are exact in float, so that both builds and the
// reference start from the same ones.
struct Input {
  Shape shape;
  Fill fill = Fill::normal;
  double a = 0;
  double b = 1;
  bool is_constant = false;  // an index or a mask: no gradient
};

inline Input normal(const Shape& shape, double mean = 0, double deviation = 1) {
  return {shape, Fill::normal, mean, deviation};
}
inline Input uniform(const Shape& shape, double low, double high) {
  return {shape, Fill::uniform, low, high};
}
inline Input separated(const Shape& shape) { return {shape, Fill::separated}; }
inline Input whole(const Shape& shape, Index limit) {
  return {shape, Fill::whole, 0, static_cast<double>(limit), true};
}

// What an output's error is measured by: the output itself, or the largest one (at least 1), where
// an output is a sum of terms that may cancel.
enum class Scale { element, largest };

struct OpCase {
  using Op = std::function<Variable(const std::vector<Variable>&)>;

  std::string name;
  std::vector<Input> inputs;
  Op run;
  // The same in double by plain loops.
  std::function<Array(const Arrays&)> reference;
  // The fused op's definition in primitive ops; empty for an op that is one.
  Op composed;

  // An output made of K = `terms` rounded terms may be wrong by 4 eps sqrt(K) conditioning scale;
  // 0 terms are not rounded at all. `conditioning` is by how much the result multiplies an error of
  // what it is made of: 1000 where a mean of 1000 is taken from values 1 apart.
  double terms = 1;
  Scale scale = Scale::element;
  double conditioning = 1;

  double gradient_step = 0;  // of check_gradients; 0 lets it choose
  double flops = 0;          // of the forward pass, a multiply-add counted as two
  bool large = false;        // big enough to be shared among threads: no check element by element
};

struct OpRow {
  std::string op;                      // as in its error messages
  std::vector<std::string> functions;  // of autograd/ops.h: "exp", "operator*(Real,Variable)"
  std::string tags;                    // of the equations: "(ACT.3) (ACT.4)"
  std::vector<OpCase> cases;           // for tests: milliseconds each
  std::vector<OpCase> benchmarks;      // sizes of the UNet, for timing
};

const std::vector<OpRow>& op_table();

// The inputs of a case: the same numbers each time, other ones for another row, case or seed.
Tensors make_inputs(const OpRow& row, const OpCase& c, Device device = Device::cpu,
                    std::uint64_t seed = 0);

// Normal numbers, exact in float: an upstream gradient, a direction.
Tensor normal_numbers(const std::string& name, const Shape& shape, Device device = Device::cpu);

// Leaves of the inputs, but for the constant ones; none with a gradient.
std::vector<Variable> leaves(const OpCase& c, const Tensors& inputs);
std::vector<Variable> constants(const Tensors& inputs);

// The families, each in the file of its name.
std::vector<OpRow> elementwise_rows();
std::vector<OpRow> reduce_rows();
std::vector<OpRow> view_rows();
std::vector<OpRow> matmul_rows();
std::vector<OpRow> conv2d_rows();
std::vector<OpRow> group_norm_rows();
std::vector<OpRow> norm_conv2d_rows();
std::vector<OpRow> attention_rows();
std::vector<OpRow> other_rows();  // upsampling, embedding, dropout, losses

}  // namespace ink::test
