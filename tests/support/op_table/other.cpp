#include <cmath>
#include <utility>

#include "autograd/ops.h"
#include "tests/support/op_table/cases.h"

namespace ink::test {
namespace {

OpCase upsample_case(const Shape& x, Index factor) {
  OpCase c;
  c.name = x.to_string() + " by " + std::to_string(factor);
  c.inputs = {normal(x)};
  c.run = [factor](const std::vector<Variable>& v) { return upsample_nearest(v[0], factor); };
  c.composed = [factor](const std::vector<Variable>& v) {
    return composed::upsample_nearest(v[0], factor);
  };
  c.reference = [factor](const Arrays& in) {
    const Array& image = in[0];
    Array y({image.size(0), image.size(1) * factor, image.size(2) * factor, image.size(3)});
    for (Index i = 0; i < y.shape.count(); ++i) {
      std::vector<Index> index = index_of(y.shape, i);
      index[1] /= factor;
      index[2] /= factor;
      y.values[static_cast<std::size_t>(i)] = image.values[flat_of(image.shape, index)];
    }
    return y;
  };
  c.terms = 0;
  c.large = x.count() > 8000;
  return c;
}

OpCase upsample_conv2d_case(Index n, Index h, Index w, Index c_in, Index c_out, bool bias = true) {
  ConvSizes s{n, 2 * h, 2 * w, c_in, c_out};
  s.bias = bias;
  const OpCase upsample = upsample_case({n, h, w, c_in}, 2), conv = conv2d_case(s);
  OpCase c = conv;
  c.name = upsample.name + ", then " + conv.name;
  c.inputs[0] = upsample.inputs[0];
  const auto op = [bias](auto run) {
    return
        [=](const std::vector<Variable>& v) { return run(v[0], v[1], bias ? v[2] : Variable()); };
  };
  c.run = op(upsample_conv2d);
  c.composed = op(composed::upsample_conv2d);
  c.reference = [upsample, conv](Arrays in) {
    in[0] = upsample.reference({in[0]});
    return conv.reference(in);
  };
  return c;
}

OpCase embedding_case(Index rows, Index width, Index count) {
  OpCase c;
  c.name = fmt::format("({},{}) at {} indices", rows, width, count);
  c.inputs = {normal({rows, width}), whole({count}, rows)};
  c.run = [](const std::vector<Variable>& x) { return embedding(x[0], x[1].value()); };
  c.reference = [=](const Arrays& in) {
    Array y({count, width});
    for (Index i = 0; i < count; ++i) {
      for (Index j = 0; j < width; ++j) y(i, j) = in[0](static_cast<Index>(in[1](i)), j);
    }
    return y;
  };
  c.terms = 0;
  c.large = count * width > 10000;
  return c;
}

OpCase dropout_case(const Shape& shape, double p) {
  OpCase c;
  c.name = shape.to_string() + fmt::format(" p = {}", p);
  c.inputs = {normal(shape), uniform(shape, 0, 1)};
  c.inputs[1].is_constant = true;
  c.run = [p](const std::vector<Variable>& x) {
    return dropout(x[0], static_cast<Real>(p), x[1].value());
  };
  c.reference = [p](const Arrays& in) {
    Array y = in[0];
    for (std::size_t i = 0; i < y.values.size(); ++i) {
      y.values[i] = in[1].values[i] < 1 - p ? y.values[i] / (1 - p) : 0;
    }
    return y;
  };
  c.terms = 3;
  c.flops = 2 * static_cast<double>(shape.count());
  c.large = shape.count() > 10000;
  return c;
}

OpCase mse_case(const Shape& shape) {
  OpCase c;
  c.name = shape.to_string();
  c.inputs = {normal(shape), normal(shape)};
  c.run = [](const std::vector<Variable>& x) { return mse(x[0], x[1]); };
  c.composed = [](const std::vector<Variable>& x) { return composed::mse(x[0], x[1]); };
  c.reference = [](const Arrays& in) {
    Array y(Shape{});
    for (std::size_t i = 0; i < in[0].values.size(); ++i) {
      y.values[0] += std::pow(in[0].values[i] - in[1].values[i], 2);
    }
    y.values[0] /= static_cast<double>(in[0].values.size());
    return y;
  };
  c.terms = static_cast<double>(shape.count() + 2);
  c.flops = 3 * static_cast<double>(shape.count());
  c.large = shape.count() > 10000;
  return c;
}

}  // namespace

std::vector<OpRow> other_rows() {
  const Shape images{64, 28, 28, 1};
  return {
      {"upsample_nearest",
       {"upsample_nearest"},
       "(CONV.5) (CONV.6)",
       {upsample_case({1, 1, 1, 1}, 1), upsample_case({2, 3, 2, 5}, 2),
        upsample_case({1, 2, 3, 33}, 3), upsample_case({2, 1, 31, 3}, 2),
        upsample_case({1, 4, 1, 17}, 2), upsample_case({3, 14, 14, 32}, 2)},
       {upsample_case({64, 14, 14, 64}, 2), upsample_case({64, 7, 7, 128}, 2)}},
      {"upsample_conv2d",
       {"upsample_conv2d"},
       "(CONV.5) (CONV.1)",
       {upsample_conv2d_case(1, 1, 1, 1, 1), upsample_conv2d_case(2, 3, 2, 5, 4),
        upsample_conv2d_case(1, 2, 3, 16, 16, false), upsample_conv2d_case(130, 1, 1, 16, 32),
        upsample_conv2d_case(65, 3, 5, 16, 16, false), upsample_conv2d_case(22, 6, 9, 32, 48),
        upsample_conv2d_case(9, 14, 14, 32, 16)},
       {upsample_conv2d_case(64, 7, 7, 128, 128), upsample_conv2d_case(64, 14, 14, 64, 64)}},
      {"embedding",
       {"embedding"},
       "(EMB.3) (EMB.4)",
       {embedding_case(1, 1, 1), embedding_case(10, 7, 5), embedding_case(3, 33, 31),
        embedding_case(32, 1, 33), embedding_case(11, 130, 700)},
       {embedding_case(10, 256, 64)}},
      {"dropout",
       {"dropout"},
       {},
       {dropout_case({}, 0.5), dropout_case({33}, 0), dropout_case({5, 31}, 0.25),
        dropout_case({2, 3, 32}, 0.9), dropout_case({3, 20011}, 0.1)},
       {dropout_case({64, 28, 28, 32}, 0.1)}},
      {"mse",
       {"mse"},
       "(DDPM.21)",
       {mse_case({}), mse_case({1}), mse_case({31}), mse_case({33, 3}), mse_case({2, 3, 4, 5}),
        mse_case({3, 20011})},
       {mse_case(images)}},
  };
}

}  // namespace ink::test
