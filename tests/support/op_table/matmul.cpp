#include <utility>

#include "autograd/ops.h"
#include "tests/support/op_table/op_table.h"

namespace ink::test {
namespace {

// (..., m, k) (..., k, n) -> (..., m, n), the leading axes broadcast.
Shape product_shape(const Shape& a, const Shape& b) {
  const auto batch = [](const Shape& x) {
    return Shape(std::span(x.begin(), static_cast<std::size_t>(x.axes() - 2)));
  };
  const Shape shape = broadcast_shape("op table", batch(a), batch(b));
  const Shape rows = shape.with_axis_inserted(shape.axes(), a[a.axes() - 2]);
  return rows.with_axis_inserted(rows.axes(), b.back());
}

Array matmul_reference(const Array& a, const Array& b) {
  const Index k = a.shape.back();
  Array y(product_shape(a.shape, b.shape));
  for (Index i = 0; i < y.shape.count(); ++i) {
    std::vector<Index> of_a = index_of(y.shape, i), of_b = of_a;
    for (Index q = 0; q < k; ++q) {
      of_a.back() = q;
      of_b[of_b.size() - 2] = q;
      y.values[static_cast<std::size_t>(i)] += read_broadcast(a, of_a) * read_broadcast(b, of_b);
    }
  }
  return y;
}

OpCase matmul_case(const Shape& a, const Shape& b) {
  OpCase c;
  c.name = a.to_string() + " " + b.to_string();
  c.inputs = {normal(a), normal(b)};
  c.run = [](const std::vector<Variable>& x) { return matmul(x[0], x[1]); };
  c.reference = [](const Arrays& x) { return matmul_reference(x[0], x[1]); };
  c.terms = static_cast<double>(a.back());
  c.scale = Scale::largest;
  c.flops = 2 * static_cast<double>(product_shape(a, b).count() * a.back());
  c.large = c.flops > 1e6;
  return c;
}

// ---- linear ----------------------------------------------------------------------------------

// x (..., in), weight (out, in), then a bias (out) and a residual (..., out) when asked for.
struct LinearSizes {
  Shape rows;
  Index in;
  Index out;
  bool bias = true;
  bool residual = false;

  Shape x() const { return rows.with_axis_inserted(rows.axes(), in); }
  Shape y() const { return rows.with_axis_inserted(rows.axes(), out); }
};

Array linear_reference(const Arrays& x, const LinearSizes& s) {
  Array y(s.y());
  const auto in = static_cast<std::size_t>(s.in), out = static_cast<std::size_t>(s.out);
  for (std::size_t i = 0; i < y.values.size(); ++i) {
    const std::size_t row = i / out, o = i % out;
    double total = s.bias ? x[2].values[o] : 0;
    if (s.residual) total += x.back().values[i];
    for (std::size_t q = 0; q < in; ++q) {
      total += x[0].values[row * in + q] * x[1].values[o * in + q];
    }
    y.values[i] = total;
  }
  return y;
}

// linear or composed::linear.
OpCase::Op linear_op(Variable (*op)(const Variable&, const Variable&, const Variable&,
                                    const Variable&),
                     const LinearSizes& s) {
  return [op, s](const std::vector<Variable>& x) {
    return op(x[0], x[1], s.bias ? x[2] : Variable(), s.residual ? x.back() : Variable());
  };
}

OpCase linear_case(const LinearSizes& s) {
  OpCase c;
  c.name = s.x().to_string() + " to " + std::to_string(s.out) + (s.bias ? ", bias" : "") +
           (s.residual ? ", residual" : "");
  c.inputs = {normal(s.x()), normal({s.out, s.in})};
  if (s.bias) c.inputs.push_back(normal({s.out}));
  if (s.residual) c.inputs.push_back(normal(s.y()));
  c.run = linear_op(linear, s);
  c.composed = linear_op(composed::linear, s);
  c.reference = [s](const Arrays& x) { return linear_reference(x, s); };
  c.terms = static_cast<double>(s.in + 2);
  c.scale = Scale::largest;
  c.flops = 2 * static_cast<double>(s.rows.count() * s.in * s.out);
  c.large = c.flops > 1e6;
  return c;
}

}  // namespace

std::vector<OpRow> matmul_rows() {
  return {
      {"matmul",
       {"matmul"},
       "(MM.1) (MM.2) (MM.3)",
       {
           matmul_case({1, 1}, {1, 1}),
           matmul_case({1, 33}, {33, 1}),
           matmul_case({33, 1}, {1, 31}),
           matmul_case({31, 32}, {32, 33}),
           matmul_case({32, 33}, {33, 31}),
           matmul_case({33, 31}, {31, 32}),
           matmul_case({7, 5}, {5, 17}),
           matmul_case({2, 5, 3}, {2, 3, 7}),
           matmul_case({2, 5, 3}, {3, 7}),
           matmul_case({5, 3}, {4, 3, 7}),
           matmul_case({2, 1, 5, 3}, {3, 3, 1}),
           matmul_case({1, 2, 1, 3}, {5, 1, 3, 2}),
           matmul_case({65, 300}, {300, 129}),
           matmul_case({5, 49, 33}, {5, 33, 49}),
       },
       {
           matmul_case({512, 512}, {512, 512}),
           matmul_case({50176, 32}, {32, 32}),
           matmul_case({3136, 128}, {128, 128}),
           matmul_case({128, 49, 32}, {128, 32, 49}),
       }},
      {"linear",
       {"linear"},
       "(MM.4)",
       {
           linear_case({{1}, 1, 1}),
           linear_case({{}, 5, 3}),
           linear_case({{31}, 33, 32, true, true}),
           linear_case({{33}, 31, 31, false, true}),
           linear_case({{32}, 32, 33, false, false}),
           linear_case({{1}, 33, 17}),
           linear_case({{5}, 1, 17}),
           linear_case({{17}, 5, 1}),
           linear_case({{2, 7}, 3, 5, true, true}),
           linear_case({{2, 3, 4}, 5, 6, true, false}),
           linear_case({{2, 151}, 65, 130, true, true}),
       },
       {
           linear_case({{64}, 64, 256}),
           linear_case({{64, 49}, 64, 64, true, true}),
           linear_case({{64, 49}, 128, 128, true, true}),
           linear_case({{64, 784}, 32, 64}),
       }},
  };
}

}  // namespace ink::test
