#include <cmath>
#include <utility>

#include "autograd/ops.h"
#include "tests/support/op_table/cases.h"

namespace ink::test {
namespace {

// Two passes: the mean, then the mean square of what is left.
Array group_norm_reference(const Arrays& in, const NormSizes& s) {
  const Index width = s.channels() / s.groups;
  Array x = in[0];
  x.shape = {s.x[0], s.pixels(), s.channels()};
  Array y(x.shape);
  for (Index n = 0; n < s.x[0]; ++n) {
    for (Index group = 0; group < s.groups; ++group) {
      const auto each = [&](auto&& f) {
        for (Index p = 0; p < s.pixels(); ++p) {
          for (Index c = group * width; c < (group + 1) * width; ++c) f(p, c);
        }
      };
      double mean = 0, variance = 0;
      const double count = static_cast<double>(s.group_size());
      each([&](Index p, Index c) { mean += x(n, p, c) / count; });
      each([&](Index p, Index c) { variance += std::pow(x(n, p, c) - mean, 2) / count; });
      each([&](Index p, Index c) {
        const double x_hat = (x(n, p, c) - mean) / std::sqrt(variance + s.epsilon);
        const double z = in[1](c) * x_hat + in[2](c);
        y(n, p, c) = s.silu ? z / (1 + std::exp(-z)) : z;
      });
    }
  }
  y.shape = s.x;
  return y;
}

}  // namespace

OpCase group_norm_case(const NormSizes& s) {
  const GroupNormOptions options{
      .groups = s.groups, .epsilon = static_cast<Real>(s.epsilon), .silu = s.silu};
  OpCase c;
  c.name = s.x.to_string() + " groups " + std::to_string(s.groups) +
           (s.mean == 0 ? "" : ", mean " + std::to_string(s.mean / s.deviation) + " deviations");
  c.inputs = {normal(s.x, s.mean, s.deviation), normal({s.channels()}, 1, 0.5),
              normal({s.channels()}, 0, 0.5)};
  c.run = [options](const std::vector<Variable>& x) {
    return group_norm(x[0], x[1], x[2], options);
  };
  c.composed = [options](const std::vector<Variable>& x) {
    return composed::group_norm(x[0], x[1], x[2], options);
  };
  c.reference = [s](const Arrays& in) { return group_norm_reference(in, s); };
  c.terms = static_cast<double>(s.group_size());
  c.scale = Scale::largest;
  // x - mean carries the mean's rounding; where all of a group is one number, 1 / sqrt(epsilon)
  // multiplies it.
  c.conditioning = std::max(1.0, std::fabs(s.mean) / s.deviation);
  if (s.group_size() == 1) c.conditioning /= std::sqrt(s.epsilon);
  if (s.mean != 0) c.gradient_step = 3e-5 * s.deviation / std::fabs(s.mean);
  c.flops = (s.silu ? 14 : 8) * static_cast<double>(s.x.count());
  c.large = s.x.count() > 8000;
  return c;
}

namespace {

std::vector<OpCase> cases(bool silu) {
  return {
      group_norm_case({{1, 1, 1}, 1, silu}),
      group_norm_case({{2, 9, 6}, 1, silu}),
      group_norm_case({{2, 9, 6}, 6, silu}),
      group_norm_case({{2, 9, 6}, 3, silu}),
      group_norm_case({{3, 1, 8}, 2, silu}),
      group_norm_case({{3, 1, 5}, 5, silu}),
      group_norm_case({{2, 12}, 4, silu}),
      group_norm_case({{1, 31, 17}, 17, silu}),
      group_norm_case({{2, 32, 33}, 11, silu}),
      group_norm_case({{1, 33, 31}, 1, silu}),
      group_norm_case({{2, 3, 5, 32}, 8, silu}),
      group_norm_case({{1, 3, 3, 40}, 5, silu}),
      group_norm_case({{2, 7, 7, 12}, 3, silu, 1000, 1}),
      group_norm_case({{2, 25, 4}, 4, silu, -50, 0.05}),
      group_norm_case({{1, 49, 8}, 1, silu, 3, 1, 1e-2}),
      group_norm_case({{33, 4, 4}, 2, silu}),
      group_norm_case({{3, 28, 28, 32}, 8, silu}),
      group_norm_case({{5, 14, 14, 33}, 3, silu, 1000, 1}),
      group_norm_case({{7, 7, 7, 128}, 32, silu}),
  };
}

std::vector<OpCase> benchmarks(bool silu) {
  return {
      group_norm_case({{64, 28, 28, 16}, 8, silu}),
      group_norm_case({{64, 28, 28, 32}, 32, silu}),
      group_norm_case({{64, 14, 14, 64}, 32, silu}),
      group_norm_case({{64, 7, 7, 128}, 32, silu}),
  };
}

}  // namespace

std::vector<OpRow> group_norm_rows() {
  const std::string tags = "(GN.1) (GN.2) (GN.3) (GN.4)";
  return {{"group_norm", {"group_norm"}, tags, cases(false), benchmarks(false)},
          {"group_norm_silu", {"group_norm"}, tags, cases(true), benchmarks(true)}};
}

}  // namespace ink::test
