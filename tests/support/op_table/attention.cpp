#include <algorithm>
#include <cmath>
#include <utility>

#include "autograd/ops.h"
#include "tests/support/op_table/op_table.h"

namespace ink::test {
namespace {

// ---- softmax ---------------------------------------------------------------------------------

// softmax of a row, in place, shifted by its maximum.
void softmax_in_place(std::span<double> row) {
  const double largest = *std::max_element(row.begin(), row.end());
  double total = 0;
  for (double& value : row) {
    value = std::exp(value - largest);
    total += value;
  }
  for (double& value : row) value /= total;
}

Array softmax_reference(const Array& x) {
  Array y = x;
  const auto columns = static_cast<std::size_t>(x.shape.back());
  for (std::size_t first = 0; first < y.values.size(); first += columns) {
    softmax_in_place(std::span(y.values).subspan(first, columns));
  }
  return y;
}

OpCase softmax_case(const Shape& shape, double deviation = 1) {
  OpCase c;
  c.name = shape.to_string() + (deviation == 1 ? "" : ", large");
  c.inputs = {normal(shape, 0, deviation)};
  c.run = [](const std::vector<Variable>& x) { return softmax(x[0]); };
  c.composed = [](const std::vector<Variable>& x) { return composed::softmax(x[0]); };
  c.reference = [](const Arrays& x) { return softmax_reference(x[0]); };
  c.terms = static_cast<double>(shape.back() + 1);
  c.scale = Scale::largest;
  // exp turns the rounding of its argument, up to 8 deviations away from the maximum, into a
  // relative error.
  c.conditioning = std::max(1.0, 8 * deviation);
  if (deviation > 1) c.gradient_step = 1e-6;
  c.flops = 5 * static_cast<double>(shape.count());
  c.large = shape.count() > 10000;
  return c;
}

// ---- attention -------------------------------------------------------------------------------

struct AttendSizes {
  Index batch, queries, keys, heads, head_dim;
  double deviation = 1;  // of q and k: scores have its square
};

// Scores, softmax and weighted sum of one query of one head.
void attend(Array& o, const Arrays& in, const AttendSizes& s, Index n, Index t, Index head) {
  const Index first = head * s.head_dim, last = first + s.head_dim;
  std::vector<double> row(static_cast<std::size_t>(s.keys));
  for (Index j = 0; j < s.keys; ++j) {
    double score = 0;
    for (Index c = first; c < last; ++c) score += in[0](n, t, c) * in[1](n, j, c);
    row[static_cast<std::size_t>(j)] = score / std::sqrt(static_cast<double>(s.head_dim));
  }
  softmax_in_place(row);
  for (Index j = 0; j < s.keys; ++j) {
    for (Index c = first; c < last; ++c) {
      o(n, t, c) += row[static_cast<std::size_t>(j)] * in[2](n, j, c);
    }
  }
}

Array attention_reference(const Arrays& in, const AttendSizes& s) {
  Array o(in[0].shape);
  for (Index n = 0; n < s.batch; ++n) {
    for (Index t = 0; t < s.queries; ++t) {
      for (Index head = 0; head < s.heads; ++head) attend(o, in, s, n, t, head);
    }
  }
  return o;
}

OpCase attention_case(const AttendSizes& s) {
  const Index channels = s.heads * s.head_dim;
  const Shape queries{s.batch, s.queries, channels}, keys{s.batch, s.keys, channels};
  OpCase c;
  c.name = queries.to_string() + " " + keys.to_string() + " heads " + std::to_string(s.heads) +
           (s.deviation == 1 ? "" : ", large scores");
  c.inputs = {normal(queries, 0, s.deviation), normal(keys, 0, s.deviation), normal(keys)};
  c.run = [heads = s.heads](const std::vector<Variable>& x) {
    return attention(x[0], x[1], x[2], heads);
  };
  c.composed = [heads = s.heads](const std::vector<Variable>& x) {
    return composed::attention(x[0], x[1], x[2], heads);
  };
  c.reference = [s](const Arrays& in) { return attention_reference(in, s); };
  c.terms = static_cast<double>(s.keys + s.head_dim);
  c.scale = Scale::largest;
  // A score, up to 5 deviations of a score large, is rounded before it is exponentiated.
  c.conditioning = std::max(1.0, 5 * s.deviation * s.deviation);
  if (s.deviation > 1) c.gradient_step = 5e-7;
  c.flops = 4 * static_cast<double>(s.batch * s.queries * s.keys * channels);
  c.large = c.flops > 1e6;
  return c;
}

}  // namespace

std::vector<OpRow> attention_rows() {
  return {
      {"softmax",
       {"softmax"},
       "(ACT.5) (ACT.6)",
       {
           softmax_case({1}),
           softmax_case({5, 1}),
           softmax_case({1, 31}),
           softmax_case({33, 32}),
           softmax_case({2, 3, 33}),
           softmax_case({3, 17}, 30),
           softmax_case({70, 301}),
       },
       {softmax_case({64 * 49, 49}), softmax_case({4096, 1024})}},
      {"attention",
       {"attention"},
       "(ATT.1) (ATT.2) (ATT.3) (ATT.4) (ATT.5)",
       {
           attention_case({1, 1, 1, 1, 1}),
           attention_case({2, 1, 5, 1, 3}),
           attention_case({1, 5, 1, 2, 4}),
           attention_case({1, 31, 33, 1, 5}),
           attention_case({1, 32, 32, 2, 3}),
           attention_case({1, 33, 31, 1, 8}),
           attention_case({2, 7, 17, 3, 7}),
           attention_case({1, 3, 65, 1, 17}),
           attention_case({1, 9, 9, 2, 33}),
           attention_case({2, 6, 9, 1, 8, 10}),
           attention_case({1, 4, 130, 2, 5, 10}),
           attention_case({3, 49, 49, 2, 32}),
           attention_case({2, 49, 49, 1, 31, 10}),
           attention_case({1, 200, 133, 3, 17}),
       },
       {attention_case({64, 49, 49, 2, 32}), attention_case({64, 49, 49, 4, 32}),
        attention_case({16, 196, 196, 2, 32}), attention_case({1, 1024, 1024, 4, 64})}},
  };
}

}  // namespace ink::test
