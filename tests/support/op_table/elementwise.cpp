#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "autograd/ops.h"
#include "tests/support/op_table/op_table.h"

namespace ink::test {
namespace {

using Unary = std::function<Variable(const Variable&)>;
using Binary = std::function<Variable(const Variable&, const Variable&)>;

// Activations of the UNet at batch 64.
const Shape kActivations{64, 28, 28, 32};

Array map_reference(const std::function<double(double)>& f, const Array& x) {
  Array y = x;
  std::transform(x.values.begin(), x.values.end(), y.values.begin(), f);
  return y;
}

Array map_reference(const std::function<double(double, double)>& f, const Array& a,
                    const Array& b) {
  Array y(broadcast_shape("reference", a.shape, b.shape));
  for (Index i = 0; i < y.shape.count(); ++i) {
    const std::vector<Index> index = index_of(y.shape, i);
    y.values[static_cast<std::size_t>(i)] = f(read_broadcast(a, index), read_broadcast(b, index));
  }
  return y;
}

// A row of y = f(x). `make` makes the input of a shape; `exact` says that nothing is rounded.
OpRow unary_row(const std::string& op, const std::string& function, Input (*make)(const Shape&),
                const Unary& run, const std::function<double(double)>& f, bool exact = false) {
  OpRow row{.op = op, .functions = {function}, .tags = {}, .cases = {}, .benchmarks = {}};
  const auto add = [&](std::vector<OpCase>& cases, const Shape& shape) {
    OpCase c;
    c.name = shape.to_string();
    c.inputs = {make(shape)};
    c.run = [run](const std::vector<Variable>& x) { return run(x[0]); };
    c.reference = [f](const Arrays& x) { return map_reference(f, x[0]); };
    c.terms = exact ? 0 : 1;
    c.flops = static_cast<double>(shape.count());
    c.large = shape.count() > 10000;
    cases.push_back(std::move(c));
  };
  for (const Shape& shape : {Shape{}, {1}, {31}, {33}, {2, 3, 5}, {32, 3}, {3, 20011}}) {
    add(row.cases, shape);
  }
  add(row.benchmarks, kActivations);
  return row;
}

// A row of y = f(a, b) over shapes that broadcast in every way.
OpRow binary_row(const std::string& op, const std::string& function, const Binary& run,
                 const std::function<double(double, double)>& f) {
  OpRow row{.op = op, .functions = {function}, .tags = "(TEN.2)", .cases = {}, .benchmarks = {}};
  const auto add = [&](std::vector<OpCase>& cases, const Shape& a, const Shape& b) {
    const Shape y = broadcast_shape("op table", a, b);
    OpCase c;
    c.name = a.to_string() + " " + b.to_string();
    c.inputs = {normal(a), uniform(b, 0.5, 2)};
    c.run = [run](const std::vector<Variable>& x) { return run(x[0], x[1]); };
    c.reference = [f](const Arrays& x) { return map_reference(f, x[0], x[1]); };
    c.flops = static_cast<double>(y.count());
    c.large = y.count() > 10000;
    cases.push_back(std::move(c));
  };
  for (const auto& [a, b] : std::vector<std::pair<Shape, Shape>>{{{}, {}},
                                                                 {{33}, {33}},
                                                                 {{5, 7}, {5, 7}},
                                                                 {{2, 3}, {}},
                                                                 {{}, {2, 3}},
                                                                 {{1}, {31}},
                                                                 {{3}, {2, 3}},
                                                                 {{4, 1, 3}, {5, 1}},
                                                                 {{2, 1, 31, 1}, {3, 1, 32}},
                                                                 {{20, 3, 1000}, {3, 1}},
                                                                 {{20, 3, 1000}, {20, 3, 1000}}}) {
    add(row.cases, a, b);
  }
  add(row.benchmarks, kActivations, kActivations);
  add(row.benchmarks, kActivations, {kActivations.back()});
  return row;
}

Input around_zero(const Shape& shape) { return normal(shape, 0, 3); }
Input above_zero(const Shape& shape) { return uniform(shape, 0.5, 2); }
Input off_the_tenths(const Shape& shape) { return separated(shape); }

std::vector<OpRow> rows_with_a_number() {
  constexpr Real k = Real(1.75);
  const auto any = around_zero;
  return {
      unary_row(
          "scale", "operator*(Variable,Real)", any, [](const Variable& x) { return x * k; },
          [](double x) { return x * k; }),
      unary_row(
          "scale, factor first", "operator*(Real,Variable)", any,
          [](const Variable& x) { return k * x; }, [](double x) { return k * x; }),
      unary_row(
          "divide by a number", "operator/(Variable,Real)", any,
          [](const Variable& x) { return x / k; }, [](double x) { return x / k; }),
      unary_row(
          "shift", "operator+(Variable,Real)", any, [](const Variable& x) { return x + k; },
          [](double x) { return x + k; }),
      unary_row(
          "shift, term first", "operator+(Real,Variable)", any,
          [](const Variable& x) { return k + x; }, [](double x) { return k + x; }),
      unary_row(
          "shift down", "operator-(Variable,Real)", any, [](const Variable& x) { return x - k; },
          [](double x) { return x - k; }),
      unary_row(
          "subtract from a number", "operator-(Real,Variable)", any,
          [](const Variable& x) { return k - x; }, [](double x) { return k - x; }),
      unary_row(
          "pow", "pow", above_zero, [](const Variable& x) { return pow(x, Real(2.5)); },
          [](double x) { return std::pow(x, 2.5); }),
      unary_row(
          "pow of negative numbers", "pow", off_the_tenths,
          [](const Variable& x) { return pow(x, 3); }, [](double x) { return x * x * x; }),
      unary_row(
          "clamp", "clamp", off_the_tenths,
          [](const Variable& x) { return clamp(x, Real(-0.5), Real(1)); },
          [](double x) { return std::min(std::max(x, -0.5), 1.0); }, true),
  };
}

Variable composed_silu(const std::vector<Variable>& x) { return composed::silu(x[0]); }

std::vector<OpRow> rows_of_one_input() {
  const auto plain = [](Variable (*op)(const Variable&)) { return Unary(op); };
  const auto sigmoid_of = [](double x) { return 1 / (1 + std::exp(-x)); };
  std::vector<OpRow> rows{
      unary_row(
          "negate", "operator-(Variable)", around_zero, [](const Variable& x) { return -x; },
          [](double x) { return -x; }, true),
      unary_row("exp", "exp", around_zero, plain(exp), [](double x) { return std::exp(x); }),
      unary_row("log", "log", above_zero, plain(log), [](double x) { return std::log(x); }),
      unary_row("sqrt", "sqrt", above_zero, plain(sqrt), [](double x) { return std::sqrt(x); }),
      unary_row("square", "square", around_zero, plain(square), [](double x) { return x * x; }),
      unary_row(
          "abs", "abs", off_the_tenths, plain(abs), [](double x) { return std::fabs(x); }, true),
      unary_row("reciprocal", "reciprocal", above_zero, plain(reciprocal),
                [](double x) { return 1 / x; }),
      unary_row("sin", "sin", around_zero, plain(sin), [](double x) { return std::sin(x); }),
      unary_row("cos", "cos", around_zero, plain(cos), [](double x) { return std::cos(x); }),
      unary_row("tanh", "tanh", around_zero, plain(tanh), [](double x) { return std::tanh(x); }),
      unary_row(
          "relu", "relu", off_the_tenths, plain(relu), [](double x) { return x > 0 ? x : 0; },
          true),
      unary_row("sigmoid", "sigmoid", around_zero, plain(sigmoid), sigmoid_of),
      unary_row("gelu", "gelu", around_zero, plain(gelu),
                [](double x) { return x * 0.5 * std::erfc(-x / std::sqrt(2.0)); }),
      unary_row("silu", "silu", around_zero, plain(silu),
                [sigmoid_of](double x) { return x * sigmoid_of(x); }),
  };
  const std::map<std::string, std::string> tags{
      {"sigmoid", "(ACT.1) (ACT.2)"}, {"silu", "(ACT.3) (ACT.4)"}, {"gelu", "(ACT.8) (ACT.9)"}};
  for (OpRow& row : rows) {
    if (const auto found = tags.find(row.op); found != tags.end()) row.tags = found->second;
    for (OpCase& c : row.cases) {
      // In its tail, down to x = -12, erfc turns a rounding of x into one x^2 times as large.
      if (row.op == "gelu") c.conditioning = 144;
      if (row.op == "silu") c.composed = composed_silu;
    }
  }
  return rows;
}

}  // namespace

std::vector<OpRow> elementwise_rows() {
  using V = const Variable&;
  std::vector<OpRow> rows{
      binary_row(
          "add", "operator+(Variable,Variable)", [](V a, V b) { return a + b; },
          [](double a, double b) { return a + b; }),
      binary_row(
          "subtract", "operator-(Variable,Variable)", [](V a, V b) { return a - b; },
          [](double a, double b) { return a - b; }),
      binary_row(
          "multiply", "operator*(Variable,Variable)", [](V a, V b) { return a * b; },
          [](double a, double b) { return a * b; }),
      binary_row(
          "divide", "operator/(Variable,Variable)", [](V a, V b) { return a / b; },
          [](double a, double b) { return a / b; }),
  };
  for (auto part : {rows_with_a_number, rows_of_one_input}) {
    for (OpRow& row : part()) rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace ink::test
