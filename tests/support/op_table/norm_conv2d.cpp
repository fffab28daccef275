#include <algorithm>
#include <iterator>

#include "autograd/ops.h"
#include "tests/support/op_table/cases.h"

namespace ink::test {
namespace {

// The inputs of the norm, x, gamma and beta, then those of the convolution but for its image.
OpCase norm_conv2d_case(const ConvSizes& s, Index groups, bool silu = true) {
  const NormSizes n{{s.n, s.h, s.w, s.c_in}, groups, silu};
  ConvSizes whole = s;
  whole.skip = 0;
  const OpCase norm = group_norm_case(n), conv = conv2d_case(whole);
  OpCase c = conv;
  c.name = conv.name + ", groups " + std::to_string(groups) + (silu ? ", silu" : "");
  c.inputs = norm.inputs;
  std::copy(std::next(conv.inputs.begin()), conv.inputs.end(), std::back_inserter(c.inputs));

  const auto op = [s, groups, silu](auto run) {
    return [=](const std::vector<Variable>& x) {
      std::size_t next = 4;
      const auto optional = [&](bool given) { return given ? x[next++] : Variable(); };
      Conv2dTerms terms;
      terms.bias = optional(s.bias);
      terms.image_bias = optional(s.image_bias);
      terms.residual = optional(s.residual);
      terms.skip = optional(s.skip > 0);
      return run(x[0], x[1], x[2], GroupNormOptions{.groups = groups, .silu = silu}, x[3],
                 Conv2dOptions{.stride = s.stride, .padding = s.padding}, terms);
    };
  };
  c.run = op(norm_conv2d);
  c.composed = op(composed::norm_conv2d);
  c.reference = [norm, conv](const Arrays& in) {
    Arrays rest(std::next(in.begin(), 2), in.end());
    rest[0] = norm.reference({in[0], in[1], in[2]});
    return conv.reference(rest);
  };
  c.terms = norm.terms + conv.terms;
  c.conditioning = norm.conditioning;
  c.flops = norm.flops + conv.flops;
  c.large = c.flops > 1e6;
  move_to_skip(c, s.skip);
  return c;
}

std::vector<OpCase> cases() {
  return {
      // Direct: one channel, strides, other kernels, channels that fill no vector.
      norm_conv2d_case({2, 3, 4, 4, 1}, 2),
      norm_conv2d_case({1, 5, 4, 6, 5, 3, 2, 1, true, true, true}, 3),
      norm_conv2d_case({2, 4, 3, 8, 3, 1, 1, 0, false, false, true}, 4, false),
      // Winograd's, and blocks of several images.
      norm_conv2d_case({2, 5, 6, 16, 32, 3, 1, 1, true, true, true}, 8),
      norm_conv2d_case({7, 3, 2, 16, 16, 3, 1, 1, false, true, false}, 16),
      norm_conv2d_case({2, 5, 4, 32, 16, 3, 1, 0, true, false, true}, 1, false),
      norm_conv2d_case({33, 4, 4, 16, 16, 3, 1, 1, true, true, true}, 2),
      // With skip connections, whose groups may lie in both images; direct and Winograd's.
      norm_conv2d_case({2, 3, 4, 6, 5, 3, 2, 1, true, false, true, 2}, 3),
      norm_conv2d_case({1, 5, 4, 9, 3, 3, 1, 1, true, true, false, 4}, 3, false),
      norm_conv2d_case({2, 5, 6, 32, 16, 3, 1, 1, true, true, true, 16}, 8),
      norm_conv2d_case({5, 9, 10, 48, 16, 3, 1, 1, false, false, false, 16}, 2, false),
      norm_conv2d_case({18, 14, 14, 48, 16, 3, 1, 1, true, true, true, 32}, 16),
      // The weight's gradient too wide for Winograd's algorithm.
      norm_conv2d_case({2, 3, 3, 208, 176}, 16),
      norm_conv2d_case({18, 14, 14, 32, 16, 3, 1, 1, true, true, true}, 8),
  };
}

std::vector<OpCase> benchmarks() {
  std::vector<OpCase> list;
  const Index n = 64;
  for (const Index width : {16, 32}) {  // of the first level: small, base
    const Index groups = width == 16 ? 8 : 32;
    list.push_back(norm_conv2d_case({n, 28, 28, width, width, 3, 1, 1, true, true, true}, groups));
    list.push_back(norm_conv2d_case({n, 28, 28, 2 * width, width, 3, 1, 1, true, true}, groups));
    list.push_back(norm_conv2d_case({n, 14, 14, 2 * width, 2 * width}, groups));
    list.push_back(norm_conv2d_case({n, 7, 7, 4 * width, 4 * width}, groups));
  }
  return list;
}

}  // namespace

std::vector<OpRow> norm_conv2d_rows() {
  return {{"norm_conv2d", {"norm_conv2d"}, "(GN.3) (CONV.1)", cases(), benchmarks()}};
}

}  // namespace ink::test
