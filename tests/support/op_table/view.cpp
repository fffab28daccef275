#include <utility>

#include "autograd/ops.h"
#include "tests/support/op_table/op_table.h"

namespace ink::test {
namespace {

// Where an element of the result comes from, given its index; nothing: it is zero.
using Source = std::function<const double*(const Arrays& inputs, const std::vector<Index>& index)>;

// A case that only moves elements: nothing is rounded.
OpCase moving(const std::string& name, const std::vector<Shape>& shapes, const Shape& result,
              const OpCase::Op& run, const Source& source) {
  OpCase c;
  c.name = name;
  for (const Shape& shape : shapes) c.inputs.push_back(normal(shape));
  c.run = run;
  c.reference = [result, source](const Arrays& x) {
    Array y(result);
    for (Index i = 0; i < result.count(); ++i) {
      const double* from = source(x, index_of(result, i));
      y.values[static_cast<std::size_t>(i)] = from == nullptr ? 0 : *from;
    }
    return y;
  };
  c.terms = 0;
  c.large = result.count() > 10000;
  return c;
}

const double* element(const Array& x, const std::vector<Index>& index) {
  return &x.values[flat_of(x.shape, index)];
}

OpRow moving_row(const std::string& op, std::vector<OpCase> cases, std::vector<OpCase> benchmarks) {
  return {op, {op}, "(TEN.3)", std::move(cases), std::move(benchmarks)};
}

// The order of the elements stays: reshape, squeeze, unsqueeze.
OpCase reordering_nothing(const Shape& from, const Shape& to, const std::string& name,
                          const OpCase::Op& run) {
  return moving(name, {from}, to, run, [to](const Arrays& x, const std::vector<Index>& index) {
    return &x[0].values[flat_of(to, index)];
  });
}

OpCase reshape_case(const Shape& from, const Shape& asked, const Shape& to) {
  return reordering_nothing(
      from, to, from.to_string() + " to " + asked.to_string(),
      [asked](const std::vector<Variable>& x) { return reshape(x[0], asked); });
}

OpCase squeeze_case(const Shape& from, int axis, const Shape& to) {
  return reordering_nothing(from, to, from.to_string() + " axis " + std::to_string(axis),
                            [axis](const std::vector<Variable>& x) { return squeeze(x[0], axis); });
}

OpCase unsqueeze_case(const Shape& from, int axis, const Shape& to) {
  return reordering_nothing(
      from, to, from.to_string() + " axis " + std::to_string(axis),
      [axis](const std::vector<Variable>& x) { return unsqueeze(x[0], axis); });
}

OpCase permute_case(const Shape& from, const Shape& order) {
  Shape to = from;
  for (int axis = 0; axis < from.axes(); ++axis) to[axis] = from[static_cast<int>(order[axis])];
  return moving(
      from.to_string() + " by " + order.to_string(), {from}, to,
      [order](const std::vector<Variable>& x) { return permute(x[0], order); },
      [order](const Arrays& x, const std::vector<Index>& index) {
        std::vector<Index> source(index.size());
        for (std::size_t a = 0; a < index.size(); ++a) {
          source[static_cast<std::size_t>(order[static_cast<int>(a)])] = index[a];
        }
        return element(x[0], source);
      });
}

OpCase transpose_case(const Shape& from, int a, int b) {
  const auto first = static_cast<std::size_t>(a < 0 ? a + from.axes() : a);
  const auto second = static_cast<std::size_t>(b < 0 ? b + from.axes() : b);
  Shape to = from;
  std::swap(to[static_cast<int>(first)], to[static_cast<int>(second)]);
  return moving(
      from.to_string() + " axes " + std::to_string(a) + " " + std::to_string(b), {from}, to,
      [a, b](const std::vector<Variable>& x) { return transpose(x[0], a, b); },
      [first, second](const Arrays& x, std::vector<Index> index) {
        std::swap(index[first], index[second]);
        return element(x[0], index);
      });
}

OpCase expand_case(const Shape& from, const Shape& to) {
  return moving(
      from.to_string() + " to " + to.to_string(), {from}, to,
      [to](const std::vector<Variable>& x) { return expand(x[0], to); },
      [from](const Arrays& x, const std::vector<Index>& index) {
        std::vector<Index> source(index.end() - from.axes(), index.end());
        for (int a = 0; a < from.axes(); ++a) {
          if (from[a] == 1) source[static_cast<std::size_t>(a)] = 0;
        }
        return element(x[0], source);
      });
}

OpCase slice_case(const Shape& from, int axis, Index first, Index last) {
  const auto a = static_cast<std::size_t>(axis < 0 ? axis + from.axes() : axis);
  Shape to = from;
  to[static_cast<int>(a)] = last - first;
  return moving(
      from.to_string() + " axis " + std::to_string(axis) + " from " + std::to_string(first) +
          " to " + std::to_string(last),
      {from}, to, [=](const std::vector<Variable>& x) { return slice(x[0], axis, first, last); },
      [=](const Arrays& x, std::vector<Index> index) {
        index[a] += first;
        return element(x[0], index);
      });
}

OpCase pad_case(const Shape& from, int axis, Index before, Index after) {
  const auto a = static_cast<std::size_t>(axis < 0 ? axis + from.axes() : axis);
  Shape to = from;
  to[static_cast<int>(a)] += before + after;
  return moving(
      from.to_string() + " axis " + std::to_string(axis) + " by " + std::to_string(before) + " " +
          std::to_string(after),
      {from}, to, [=](const std::vector<Variable>& x) { return pad(x[0], axis, before, after); },
      [=](const Arrays& x, std::vector<Index> index) -> const double* {
        index[a] -= before;
        const Index size = x[0].shape[static_cast<int>(a)];
        return index[a] < 0 || index[a] >= size ? nullptr : element(x[0], index);
      });
}

// Parts of the given sizes along an axis of `shape`, joined.
OpCase concat_case(Shape shape, int axis, const std::vector<Index>& sizes) {
  const auto a = static_cast<std::size_t>(axis < 0 ? axis + shape.axes() : axis);
  std::vector<Shape> parts;
  Index total = 0;
  std::string name;
  for (const Index size : sizes) {
    shape[static_cast<int>(a)] = size;
    parts.push_back(shape);
    name += shape.to_string() + " ";
    total += size;
  }
  shape[static_cast<int>(a)] = total;
  return moving(
      name + "axis " + std::to_string(axis), parts, shape,
      [axis](const std::vector<Variable>& x) { return concat(x, axis); },
      [a](const Arrays& x, std::vector<Index> index) {
        std::size_t part = 0;
        for (; index[a] >= x[part].shape[static_cast<int>(a)]; ++part) {
          index[a] -= x[part].shape[static_cast<int>(a)];
        }
        return element(x[part], index);
      });
}

// Two parts of a split, exchanged, so that the test sees both.
OpCase split_case(const Shape& shape, int axis, Index first, Index second) {
  const auto a = static_cast<std::size_t>(axis < 0 ? axis + shape.axes() : axis);
  return moving(
      shape.to_string() + " axis " + std::to_string(axis) + " at " + std::to_string(first), {shape},
      shape,
      [=](const std::vector<Variable>& x) {
        const std::vector<Variable> parts = split(x[0], {first, second}, axis);
        return concat({parts[1], parts[0]}, axis);
      },
      [=](const Arrays& x, std::vector<Index> index) {
        index[a] = index[a] < second ? index[a] + first : index[a] - second;
        return element(x[0], index);
      });
}

}  // namespace

std::vector<OpRow> view_rows() {
  const Shape image{64, 28, 28, 32};
  std::vector<OpRow> rows{
      moving_row("reshape",
                 {reshape_case({6}, {2, 3}, {2, 3}), reshape_case({2, 3}, {-1}, {6}),
                  reshape_case({}, {1, 1}, {1, 1}), reshape_case({4, 31}, {2, -1, 1}, {2, 62, 1}),
                  reshape_case({3, 5000}, {5000, 3}, {5000, 3})},
                 {reshape_case(image, {64, 784, 32}, {64, 784, 32})}),
      moving_row("permute",
                 {permute_case({33}, {0}), permute_case({31, 32}, {1, 0}),
                  permute_case({2, 3, 4}, {2, 0, 1}), permute_case({2, 3, 1, 5}, {0, 3, 1, 2}),
                  permute_case({2, 3, 2, 5, 1, 4}, {5, 3, 1, 0, 2, 4}),
                  permute_case({65, 3, 130}, {2, 1, 0})},
                 {permute_case(image, {0, 3, 1, 2})}),
      moving_row("transpose",
                 {transpose_case({31, 33}, 0, 1), transpose_case({2, 3, 4}, -1, 0),
                  transpose_case({2, 3}, 1, 1), transpose_case({211, 97}, 0, 1)},
                 {transpose_case({64, 784, 32}, 1, 2)}),
      moving_row("expand",
                 {expand_case({}, {3}), expand_case({1}, {33}), expand_case({3, 1}, {3, 4}),
                  expand_case({1, 5}, {2, 31, 5}), expand_case({2, 1, 3, 1}, {2, 4, 3, 32}),
                  expand_case({2, 3}, {2, 3}), expand_case({7, 1, 3}, {7, 701, 3})},
                 {expand_case({32}, image)}),
      moving_row("squeeze",
                 {squeeze_case({1, 3}, 0, {3}), squeeze_case({2, 1, 31}, 1, {2, 31}),
                  squeeze_case({3, 1}, -1, {3}), squeeze_case({1}, 0, {})},
                 {squeeze_case({64, 1, 128}, 1, {64, 128})}),
      moving_row("unsqueeze",
                 {unsqueeze_case({}, 0, {1}), unsqueeze_case({3}, 0, {1, 3}),
                  unsqueeze_case({2, 31}, 1, {2, 1, 31}), unsqueeze_case({2, 3}, -1, {2, 3, 1})},
                 {unsqueeze_case({64, 128}, 1, {64, 1, 128})}),
      moving_row("slice",
                 {slice_case({33}, 0, 1, 32), slice_case({5, 31}, 1, 30, 31),
                  slice_case({3, 4, 5}, -2, 1, 3), slice_case({3, 4}, 0, 0, 3),
                  slice_case({100, 311}, 1, 3, 308)},
                 {slice_case(image, 3, 8, 24)}),
      moving_row("concat",
                 {concat_case({1}, 0, {1, 31}), concat_case({2, 1, 3}, 1, {33, 1, 32}),
                  concat_case({3, 1}, -1, {5}), concat_case({2, 3, 2}, 0, {1, 2, 3}),
                  concat_case({400, 1}, 1, {17, 33})},
                 {concat_case(image, 3, {32, 32})}),
      moving_row("split",
                 {split_case({33}, 0, 1, 32), split_case({4, 5}, -1, 2, 3),
                  split_case({2, 7, 3}, 1, 7, 0), split_case({100, 311}, 1, 11, 300)},
                 {split_case(image, 3, 16, 16)}),
      moving_row("pad",
                 {pad_case({1}, 0, 1, 1), pad_case({3, 31}, 1, 0, 2), pad_case({2, 3, 4}, -2, 2, 0),
                  pad_case({5}, 0, 0, 0), pad_case({100, 120}, 0, 3, 1)},
                 {pad_case(image, 1, 1, 1)}),
  };
  // A broadcast input's gradient is a sum.
  for (OpRow& row : rows) {
    if (row.op == "expand") row.tags = "(TEN.1) (TEN.2)";
  }
  return rows;
}

}  // namespace ink::test
