// Every op takes views of any kind: the bits are those of a compact copy.
#include <numeric>

#include "tensor/ops.h"
#include "tests/support/op_checks.h"

namespace ink::test {
namespace {

// Equal to x, with the axes stored in the opposite order.
Tensor permuted(const Tensor& x) {
  std::vector<Index> reversed(static_cast<std::size_t>(x.axes()));
  std::iota(reversed.rbegin(), reversed.rend(), Index{0});
  return x.permute(Shape(reversed)).clone().permute(Shape(reversed));
}

// Equal to x, cut out of a larger tensor whose other elements are NaN; no two elements are
// neighbours.
Tensor sliced(const Tensor& x) {
  if (x.axes() == kMaxAxes) return sliced(x.reshape({-1})).reshape(x.shape());
  Shape shape = x.shape().with_axis_inserted(x.axes(), 3);
  for (int axis = 0; axis < x.axes(); ++axis) shape[axis] += 2;
  Tensor view = Tensor::full(shape, std::numeric_limits<Real>::quiet_NaN());
  for (int axis = 0; axis < x.axes(); ++axis) view = view.slice(axis, 1, 1 + x.size(axis));
  view = view.slice(-1, 1, 2).squeeze(-1);
  view.copy_(x);
  return view;
}

// As x, with the first element of one axis repeated along it.
Tensor expanded(const Tensor& x, int axis) {
  return x.size(axis) == 0 ? x : x.slice(axis, 0, 1).expand(x.shape());
}

// The result of a case on views, forward and with a view for an upstream gradient, equals that on
// compact copies.
void check_views(const OpCase& c, const Tensors& views) {
  Tensors compact;
  for (const Tensor& view : views) compact.push_back(view.clone());
  const Result expected = differentiate(c, compact);
  CHECK(different_bits(differentiate(c, views), expected) == "");

  const Tensor dy = normal_numbers("upstream gradient", expected.value.shape());
  CHECK(different_bits(differentiate(c.run, leaves(c, views), permuted(dy)), expected) == "");
  CHECK(different_bits(differentiate(c.run, leaves(c, views), sliced(dy)), expected) == "");
}

}  // namespace

TEST_CASE("op table: permuted inputs") {
  for_each_case([](const OpRow& row, const OpCase& c) {
    Tensors views;
    for (const Tensor& x : make_inputs(row, c)) views.push_back(permuted(x));
    check_views(c, views);
  });
}

TEST_CASE("op table: sliced inputs") {
  for_each_case([](const OpRow& row, const OpCase& c) {
    Tensors views;
    for (const Tensor& x : make_inputs(row, c)) views.push_back(sliced(x));
    check_views(c, views);
  });
}

TEST_CASE("op table: expanded inputs") {
  for_each_case([](const OpRow& row, const OpCase& c) {
    for (const bool last : {false, true}) {
      Tensors views;
      for (const Tensor& x : make_inputs(row, c)) {
        views.push_back(x.axes() == 0 ? x : expanded(x, last ? x.axes() - 1 : 0));
      }
      check_views(c, views);
    }
  });
}

TEST_CASE("op table: an expanded upstream gradient") {
  for_each_case([](const OpRow& row, const OpCase& c) {
    const Tensors inputs = make_inputs(row, c);
    const Tensor dy = Tensor::scalar(Real(0.75)).expand(c.run(constants(inputs)).shape());
    const Result expected = differentiate(c.run, leaves(c, inputs), dy.clone());
    CHECK(different_bits(differentiate(c.run, leaves(c, inputs), dy), expected) == "");
  });
}

}  // namespace ink::test
