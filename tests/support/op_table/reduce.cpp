#include <algorithm>
#include <utility>

#include "autograd/ops.h"
#include "tests/support/op_table/op_table.h"

namespace ink::test {
namespace {

using Reduction = Variable (*)(const Variable&, const Shape&, bool);
using Join = std::function<double(double, double)>;

struct Reduced {
  Shape shape;
  Shape axes;  // none: all
  bool keep = false;
};

bool is_reduced(const Reduced& r, int axis) {
  return r.axes.axes() == 0 || std::any_of(r.axes.begin(), r.axes.end(), [&](Index a) {
           return a == axis || a + r.shape.axes() == axis;
         });
}

// The elements that are joined into one.
Index length(const Reduced& r) {
  Index product = 1;
  for (int axis = 0; axis < r.shape.axes(); ++axis)
    product *= is_reduced(r, axis) ? r.shape[axis] : 1;
  return product;
}

// Joins the elements along the reduced axes, one after the other, and scales the result.
Array reduce_reference(const Array& x, const Reduced& r, const Join& join, double start,
                       double factor) {
  Shape kept = r.shape;
  std::vector<Index> left;
  for (int axis = 0; axis < kept.axes(); ++axis) {
    if (is_reduced(r, axis)) kept[axis] = 1;
    if (!is_reduced(r, axis) || r.keep) left.push_back(kept[axis]);
  }
  Array y(kept);
  std::fill(y.values.begin(), y.values.end(), start);
  for (Index i = 0; i < x.shape.count(); ++i) {
    const std::vector<Index> index = index_of(x.shape, i);
    Index position = 0;
    for (int axis = 0; axis < kept.axes(); ++axis) {
      position =
          position * kept[axis] + (is_reduced(r, axis) ? 0 : index[static_cast<std::size_t>(axis)]);
    }
    double& total = y.values[static_cast<std::size_t>(position)];
    total = join(total, x.values[static_cast<std::size_t>(i)]);
  }
  for (double& value : y.values) value *= factor;
  y.shape = Shape(left);
  return y;
}

const std::vector<Reduced>& cases() {
  static const std::vector<Reduced> list{{{}, {}},
                                         {{1}, {}},
                                         {{33}, {0}},
                                         {{1, 31}, {0}},
                                         {{31, 1}, {0}},
                                         {{32, 5}, {0}},
                                         {{5, 33}, {1}, true},
                                         {{3, 32, 7}, {-2}},
                                         {{3, 4, 5}, {0, 2}},
                                         {{3, 4, 5}, {0, 2}, true},
                                         {{3, 4, 5}, {1, 2}},
                                         {{3, 4, 5}, {2, 0, 1}, true},
                                         {{2, 3, 4, 5}, {1, 3}},
                                         {{2, 3, 4, 5}, {}},
                                         {{50021}, {}},
                                         {{5, 10007}, {1}},
                                         {{700, 91}, {0}},
                                         {{7, 33, 301}, {0, 2}}};
  return list;
}

OpRow reduce_row(const std::string& op, Reduction run, const Join& join, double start, bool is_mean,
                 bool exact) {
  OpRow row{.op = op, .functions = {op}, .tags = {}, .cases = {}, .benchmarks = {}};
  const auto add = [&](std::vector<OpCase>& list, const Reduced& r) {
    const double factor = is_mean ? 1 / static_cast<double>(length(r)) : 1;
    OpCase c;
    c.name = r.shape.to_string() + " over " + r.axes.to_string() + (r.keep ? " kept" : "");
    c.inputs = {exact ? separated(r.shape) : normal(r.shape, 1)};
    c.run = [=](const std::vector<Variable>& x) { return run(x[0], r.axes, r.keep); };
    c.reference = [=](const Arrays& x) { return reduce_reference(x[0], r, join, start, factor); };
    c.terms = exact ? 0 : static_cast<double>(length(r) + 1);
    c.scale = Scale::largest;
    c.flops = static_cast<double>(r.shape.count());
    c.large = r.shape.count() > 10000;
    list.push_back(std::move(c));
  };
  for (const Reduced& r : cases()) add(row.cases, r);
  add(row.benchmarks, {{64, 28, 28, 32}, {}});
  add(row.benchmarks, {{64, 28, 28, 32}, {0, 1, 2}});
  add(row.benchmarks, {{64, 28, 28, 32}, {1, 2}});
  add(row.benchmarks, {{64, 28, 28, 32}, {3}});
  return row;
}

}  // namespace

std::vector<OpRow> reduce_rows() {
  const Join add = [](double a, double b) { return a + b; };
  const Join larger = [](double a, double b) { return std::max(a, b); };
  return {reduce_row("sum", sum, add, 0, false, false),
          reduce_row("mean", mean, add, 0, true, false),
          reduce_row("max", max, larger, -1e300, false, true)};
}

}  // namespace ink::test
