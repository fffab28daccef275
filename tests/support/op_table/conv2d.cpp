#include <utility>

#include "autograd/ops.h"
#include "tests/support/op_table/cases.h"

namespace ink::test {
namespace {

// The inputs by name; null where the case has none.
template <class T>
struct ConvInputs {
  ConvInputs(const std::vector<T>& inputs, const ConvSizes& s) : x(&inputs[0]), weight(&inputs[1]) {
    std::size_t next = 2;
    if (s.bias) bias = &inputs[next++];
    if (s.image_bias) image_bias = &inputs[next++];
    if (s.residual) residual = &inputs[next++];
    if (s.skip > 0) skip = &inputs[next++];
  }

  const T* x;
  const T* weight;
  const T* bias = nullptr;
  const T* image_bias = nullptr;
  const T* residual = nullptr;
  const T* skip = nullptr;
};

double one_pixel(const Array& x, const Array& weight, const ConvSizes& s, Index n, Index i, Index j,
                 Index o) {
  double total = 0;
  for (Index u = 0; u < s.kernel; ++u) {
    for (Index v = 0; v < s.kernel; ++v) {
      const Index r = i * s.stride + u - s.padding, q = j * s.stride + v - s.padding;
      if (r < 0 || r >= s.h || q < 0 || q >= s.w) continue;
      for (Index c = 0; c < s.c_in; ++c) total += x(n, r, q, c) * weight(o, u, v, c);
    }
  }
  return total;
}

Array conv2d_reference(const Arrays& arrays, const ConvSizes& s) {
  const ConvInputs in(arrays, s);
  Array y(s.y());
  for (Index n = 0; n < s.n; ++n) {
    for (Index i = 0; i < s.out_h(); ++i) {
      for (Index j = 0; j < s.out_w(); ++j) {
        for (Index o = 0; o < s.c_out; ++o) {
          double& out = y(n, i, j, o);
          out = one_pixel(*in.x, *in.weight, s, n, i, j, o);
          if (in.bias != nullptr) out += (*in.bias)(o);
          if (in.image_bias != nullptr) out += (*in.image_bias)(n, o);
          if (in.residual != nullptr) out += (*in.residual)(n, i, j, o);
        }
      }
    }
  }
  return y;
}

// conv2d or composed::conv2d.
OpCase::Op conv2d_op(Variable (*op)(const Variable&, const Variable&, const Conv2dOptions&,
                                    const Conv2dTerms&),
                     const ConvSizes& s) {
  return [op, s](const std::vector<Variable>& variables) {
    const ConvInputs in(variables, s);
    const auto or_none = [](const Variable* v) { return v == nullptr ? Variable() : *v; };
    return op(*in.x, *in.weight, {.stride = s.stride, .padding = s.padding},
              {.bias = or_none(in.bias),
               .image_bias = or_none(in.image_bias),
               .residual = or_none(in.residual),
               .skip = or_none(in.skip)});
  };
}

}  // namespace

void move_to_skip(OpCase& c, Index skip) {
  if (skip == 0) return;
  c.name += ", skip " + std::to_string(skip);
  Shape left = c.inputs[0].shape, right = left;
  left[3] -= skip;
  right[3] = skip;
  c.inputs[0].shape = left;
  c.inputs.push_back(normal(right));
  c.reference = [reference = c.reference](Arrays arrays) {
    const Array x = arrays.front(), other = arrays.back();
    arrays.pop_back();
    Shape shape = x.shape;
    shape[3] += other.size(3);
    Array& whole = arrays.front() = Array(shape);
    for (Index n = 0; n < shape[0]; ++n)
      for (Index i = 0; i < shape[1]; ++i)
        for (Index j = 0; j < shape[2]; ++j)
          for (Index k = 0; k < shape[3]; ++k)
            whole(n, i, j, k) = k < x.size(3) ? x(n, i, j, k) : other(n, i, j, k - x.size(3));
    return reference(arrays);
  };
}

OpCase conv2d_case(const ConvSizes& s) {
  const Shape x{s.n, s.h, s.w, s.c_in}, weight{s.c_out, s.kernel, s.kernel, s.c_in};
  OpCase c;
  c.name = x.to_string() + " " + weight.to_string() + " stride " + std::to_string(s.stride) +
           " padding " + std::to_string(s.padding) + (s.bias ? ", bias" : "") +
           (s.image_bias ? ", image bias" : "") + (s.residual ? ", residual" : "");
  c.inputs = {normal(x), normal(weight)};
  if (s.bias) c.inputs.push_back(normal({s.c_out}));
  if (s.image_bias) c.inputs.push_back(normal({s.n, s.c_out}));
  if (s.residual) c.inputs.push_back(normal(s.y()));
  c.run = conv2d_op(conv2d, s);
  c.composed = conv2d_op(composed::conv2d, s);
  c.reference = [s](const Arrays& arrays) { return conv2d_reference(arrays, s); };
  const Index products = s.kernel * s.kernel * s.c_in;
  c.terms = static_cast<double>(products + 3);
  c.scale = Scale::largest;
  c.flops = 2 * static_cast<double>(s.y().count() * products);
  c.large = c.flops > 1e6;
  move_to_skip(c, s.skip);
  return c;
}

namespace {

std::vector<OpCase> cases() {
  return {
      // One of everything.
      conv2d_case({1, 1, 1, 1, 1}),
      conv2d_case({1, 1, 1, 1, 1, 1, 1, 0}),
      conv2d_case({1, 3, 3, 1, 1, 3, 1, 0, false}),
      // Odd channels, every padding, every term.
      conv2d_case({2, 5, 4, 3, 5, 3, 1, 1, true, true, true}),
      conv2d_case({1, 4, 5, 5, 3, 3, 1, 0, false, true, false}),
      conv2d_case({2, 3, 4, 1, 17, 3, 1, 2, true, false, true}),
      conv2d_case({2, 4, 3, 17, 1, 3, 1, 1, false, false, true}),
      conv2d_case({1, 3, 3, 33, 17, 3, 1, 1, true, true, false}),
      conv2d_case({1, 3, 2, 17, 33, 3, 1, 1, false, false, false}),
      // One channel, whose rows are cut into several tiles: two vectors of results, and one.
      conv2d_case({2, 4, 30, 1, 20, 3, 1, 1, true, true, true}),
      conv2d_case({1, 5, 31, 1, 9, 3, 1, 0, true, false, false}),
      // Rows and columns around the block sizes.
      conv2d_case({1, 2, 31, 3, 4, 3, 1, 1, true, false, true}),
      conv2d_case({1, 2, 32, 4, 3}),
      conv2d_case({1, 33, 2, 3, 4, 3, 1, 1, true, true, true}),
      conv2d_case({33, 2, 2, 2, 3, 3, 1, 1, true, true, false}),
      conv2d_case({1, 1, 33, 3, 3, 3, 1, 1, false, false, true}),
      // Stride 2, even and odd sizes; a window that leaves the last row out.
      conv2d_case({2, 6, 8, 3, 5, 3, 2, 1, true, true, true}),
      conv2d_case({1, 7, 5, 5, 3, 3, 2, 1, false, false, false}),
      conv2d_case({1, 7, 5, 5, 3, 3, 2, 1, false, true, false, 1}),
      conv2d_case({1, 6, 5, 4, 8, 3, 2, 0, true, false, false}),
      conv2d_case({1, 5, 6, 1, 3, 3, 2, 2, false, true, true}),
      conv2d_case({2, 1, 2, 33, 5, 3, 2, 1, true, false, true}),
      conv2d_case({1, 6, 7, 5, 3, 1, 2, 0, true, false, false}),
      conv2d_case({1, 3, 33, 3, 4, 3, 2, 1, true, true, false}),
      conv2d_case({1, 4, 62, 5, 17, 3, 2, 1, false, false, true}),
      conv2d_case({1, 9, 8, 2, 3, 3, 3, 1, true, true, true}),
      // 1x1.
      conv2d_case({2, 5, 7, 3, 17, 1, 1, 0, true, true, true}),
      conv2d_case({2, 3, 4, 5, 7, 1, 1, 0, true, false, false, 2}),
      conv2d_case({3, 7, 7, 48, 33, 1, 1, 0, true, true, true, 17}),
      conv2d_case({1, 31, 1, 33, 5, 1, 1, 0, false, false, true}),
      conv2d_case({1, 4, 8, 32, 32, 1, 1, 0, true, false, false}),
      conv2d_case({1, 3, 4, 5, 3, 1, 1, 1, true, false, true}),
      // Kernels of other sizes.
      conv2d_case({1, 6, 5, 3, 2, 2, 1, 0, true, false, true}),
      conv2d_case({1, 7, 8, 2, 3, 5, 1, 2, true, false, false}),
      // To few channels.
      conv2d_case({2, 6, 5, 33, 3, 3, 1, 0, true, true, true}),
      conv2d_case({1, 5, 7, 16, 1, 5, 1, 4, true, false, true}),
      conv2d_case({2, 4, 5, 24, 1, 3, 1, 1, true, false, false, 8}),
      // Winograd's: one pixel, tiles that stick out, more tiles than a group, other paddings.
      conv2d_case({1, 1, 1, 16, 16, 3, 1, 1, true, false, false}),
      conv2d_case({2, 5, 6, 16, 32, 3, 1, 1, true, true, true}),
      conv2d_case({7, 7, 8, 16, 16}),
      conv2d_case({2, 9, 4, 48, 16, 3, 1, 0, true, false, true}),
      conv2d_case({2, 4, 5, 48, 16, 3, 1, 1, true, false, true, 32}),
      conv2d_case({1, 3, 2, 32, 48, 3, 1, 2, false, true, false}),
      // Large enough for all tiles and threads; both presets' widths, 28, 14 and 7 pixels.
      conv2d_case({3, 28, 28, 1, 16, 3, 1, 1, true, true, false}),
      conv2d_case({3, 28, 28, 16, 1, 3, 1, 1, true, false, false}),
      conv2d_case({3, 28, 28, 16, 16, 3, 1, 1, true, true, true}),
      conv2d_case({5, 14, 14, 32, 33, 3, 1, 1, true, true, true}),
      conv2d_case({3, 28, 28, 16, 32, 3, 2, 1, true, false, false}),
      conv2d_case({5, 7, 7, 64, 65, 3, 1, 1, true, true, true}),
      conv2d_case({9, 7, 7, 96, 64, 1, 1, 0, true, false, true}),
  };
}

std::vector<OpCase> benchmarks() {
  std::vector<OpCase> list;
  const Index n = 64;
  for (const Index width : {16, 32}) {  // of the first level: small, base
    list.push_back(conv2d_case({n, 28, 28, width, width, 3, 1, 1, true, true, true}));
    list.push_back(conv2d_case({n, 28, 28, 2 * width, width, 3, 1, 1, true, true, true}));
    list.push_back(conv2d_case({n, 28, 28, width, width, 3, 2, 1}));
    list.push_back(conv2d_case({n, 14, 14, 2 * width, 2 * width, 3, 1, 1, true, true, true}));
    list.push_back(conv2d_case({n, 7, 7, 4 * width, 4 * width, 3, 1, 1, true, true, true}));
    list.push_back(conv2d_case({n, 7, 7, 8 * width, 4 * width, 1, 1, 0, true, false, false}));
  }
  list.push_back(conv2d_case({n, 28, 28, 1, 32}));
  list.push_back(conv2d_case({n, 28, 28, 32, 1}));
  return list;
}

}  // namespace

std::vector<OpRow> conv2d_rows() {
  return {{"conv2d", {"conv2d"}, "(CONV.1) (CONV.2) (CONV.3)", cases(), benchmarks()}};
}

}  // namespace ink::test
