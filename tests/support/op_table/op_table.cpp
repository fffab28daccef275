#include "tests/support/op_table/op_table.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>
#include <numeric>

namespace ink::test {
namespace {

// Numbers for inputs, made without the library's own generator: SplitMix64 (Steele et al., 2014).
class Numbers {
 public:
  Numbers(const std::string& name, std::uint64_t seed) : state_(seed) {
    for (const char letter : name) {
      state_ = (state_ ^ static_cast<unsigned char>(letter)) * 0x100000001B3u;
    }
  }

  std::uint64_t bits() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

  // On [0, 1).
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  std::uint64_t state_;
};

std::vector<double> separated_values(std::size_t count, Numbers& numbers) {
  std::vector<double> values(count);
  const double middle = std::floor(static_cast<double>(count) / 2);
  for (std::size_t k = 0; k < count; ++k) {
    values[k] = (static_cast<double>(k) + 0.5 - middle) / 10;
  }
  for (std::size_t k = count; k > 1; --k) std::swap(values[k - 1], values[numbers.bits() % k]);
  return values;
}

std::vector<double> fill(const Input& input, Numbers& numbers) {
  const auto count = static_cast<std::size_t>(input.shape.count());
  if (input.fill == Fill::separated) return separated_values(count, numbers);
  std::vector<double> values(count);
  for (double& value : values) {
    switch (input.fill) {
      case Fill::normal:
        value = input.a + input.b * numbers.normal();
        break;
      case Fill::uniform:
        value = input.a + (input.b - input.a) * numbers.uniform();
        break;
      case Fill::whole:
        value = std::floor(input.b * numbers.uniform());
        break;
      case Fill::separated:
        break;
    }
  }
  return values;
}

Tensor make_tensor(const std::string& name, const Input& input, Device device, std::uint64_t seed) {
  Numbers numbers(name, seed);
  std::vector<Real> values;
  for (const double value : fill(input, numbers)) {
    values.push_back(static_cast<Real>(static_cast<float>(value)));
  }
  return Tensor::from(values, input.shape, device);
}

}  // namespace

const std::vector<OpRow>& op_table() {
  static const std::vector<OpRow> table = [] {
    std::vector<OpRow> rows;
    for (auto family : {elementwise_rows, reduce_rows, view_rows, matmul_rows, conv2d_rows,
                        group_norm_rows, norm_conv2d_rows, attention_rows, other_rows}) {
      std::vector<OpRow> more = family();
      std::move(more.begin(), more.end(), std::back_inserter(rows));
    }
    return rows;
  }();
  return table;
}

Tensors make_inputs(const OpRow& row, const OpCase& c, Device device, std::uint64_t seed) {
  Tensors tensors;
  for (const Input& input : c.inputs) {
    const std::string name = row.op + "/" + c.name + "/" + std::to_string(tensors.size());
    tensors.push_back(make_tensor(name, input, device, seed));
  }
  return tensors;
}

Tensor normal_numbers(const std::string& name, const Shape& shape, Device device) {
  return make_tensor(name, normal(shape), device, 0);
}

std::vector<Variable> leaves(const OpCase& c, const Tensors& inputs) {
  std::vector<Variable> variables;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    variables.emplace_back(inputs[i], !c.inputs[i].is_constant);
  }
  return variables;
}

std::vector<Variable> constants(const Tensors& inputs) { return {inputs.begin(), inputs.end()}; }

}  // namespace ink::test
