// Chapter 1 of the derivations: addresses, and what repeating and moving do to gradients.
#include "tests/support/derivations.h"

namespace ink::test {
namespace {

// Calls f(index) for every index of the shape in row-major order.
template <class F>
void for_each_index(const Shape& shape, const F& f) {
  for (Index flat = 0; flat < shape.count(); ++flat) {
    Shape index = shape;
    Index rest = flat;
    for (int axis = shape.axes() - 1; axis >= 0; --axis) {
      index[axis] = rest % shape[axis];
      rest /= shape[axis];
    }
    f(index);
  }
}

// The sum of index times stride.
Index distance(const Shape& index, const Shape& strides) {
  Index sum = 0;
  for (int axis = 0; axis < index.axes(); ++axis) sum += index[axis] * strides[axis];
  return sum;
}

// (4, 5, 6), each element its own position in the storage.
Tensor positions() { return Tensor::arange(0, 120).reshape({4, 5, 6}); }

}  // namespace

TEST_SUITE_BEGIN("derivations");

TEST_CASE("(TEN.1) an element lies at the offset plus the sum of index times stride") {
  const Tensor view = positions().slice(1, 1, 4).permute({2, 0, 1}).slice(0, 2, 5);
  REQUIRE(view.shape() == Shape{3, 4, 3});
  for_each_index(view.shape(), [&](const Shape& i) {
    const Index expected = i[1] * 30 + (i[2] + 1) * 6 + (i[0] + 2);
    CHECK(view.at({i[0], i[1], i[2]}) == static_cast<Real>(expected));
    CHECK(view.data()[distance(i, view.strides())] == static_cast<Real>(expected));
  });
}

TEST_CASE("(TEN.5) compact strides number the elements 0, 1, 2, ...") {
  CHECK(Shape{2, 3, 4}.compact_strides() == Shape{12, 4, 1});
  for (const Shape& shape : {Shape{5}, Shape{2, 3, 4}, Shape{3, 1, 2, 2}}) {
    Index next = 0;
    for_each_index(shape, [&](const Shape& i) {
      CHECK(distance(i, shape.compact_strides()) == next);
      ++next;
    });
  }
}

TEST_CASE("(TEN.6) (TEN.7) (TEN.8) views change the offset and the strides alone") {
  const Tensor x = positions();
  const Tensor cut = x.slice(1, 2, 4);
  CHECK(cut.data() - x.data() == 2 * x.strides()[1]);
  CHECK(cut.strides() == x.strides());

  const Tensor moved = x.permute({2, 0, 1});
  CHECK(moved.data() == x.data());
  CHECK(moved.shape() == Shape{6, 4, 5});
  CHECK(moved.strides() == Shape{1, 30, 6});

  const Tensor repeated = x.slice(1, 0, 1).expand({2, 4, 7, 6});
  CHECK(repeated.data() == x.data());
  CHECK(repeated.strides() == Shape{0, 30, 0, 1});

  // No stride leads through a transposed matrix in order: there reshape copies.
  CHECK(x.reshape({20, 6}).data() == x.data());
  CHECK(moved.reshape({120}).data() != x.data());
}

TEST_CASE("(TEN.2) the adjoint of broadcasting is the sum over the copies") {
  const auto expand_to = [](const Shape& shape) {
    return [shape](const Variable& x) { return expand(x, shape); };
  };
  check_adjoint(expand_to({2, 3}), {1, 3}, 2);
  check_adjoint(expand_to({5, 2, 3}), {2, 3}, 5);
  check_adjoint(expand_to({2, 4, 3}), {2, 1, 3}, 4);
  check_adjoint(expand_to({2, 3}), {}, 6);

  // An op of two shapes ends in the same sum.
  Random random(1);
  const Tensor a = random.normal({2, 1, 3}), b = random.normal({4, 1});
  const Tensor dy = random.normal({2, 4, 3});
  const Variable left(a, true), right(b, true);
  (left * right).backward(dy);
  check_close(left.gradient(), sum(dy * b, {1}, true), rounding(4), "da");
  check_close(right.gradient(), sum(dy * a, {0, 2}).reshape({4, 1}), rounding(6), "db");
}

TEST_CASE("(TEN.2) mistake: averaging over the copies") {
  const auto repeat = [](const Variable& x) { return expand(x, {4, 3}); };
  Random random(2);
  const Tensor u = random.normal({1, 3}), dy = random.normal({4, 3});
  const double expected = inner(dy, u.expand({4, 3}));
  check_near(inner(vjp(repeat, u, dy), u), expected, rounding(4) * norm(dy) * norm(u));
  CHECK(std::fabs(inner(mean(dy, {0}, true), u) - expected) > 0.1 * std::fabs(expected));
}

TEST_CASE("(TEN.3) the adjoint of moving elements is moving them back") {
  check_adjoint([](const Variable& x) { return reshape(x, {6, 4}); }, {2, 3, 4});
  check_adjoint([](const Variable& x) { return permute(x, {1, 2, 0}); }, {2, 3, 4});
  check_adjoint([](const Variable& x) { return transpose(x, 0, 2); }, {2, 3, 4});
  check_adjoint([](const Variable& x) { return slice(x, 1, 1, 3); }, {2, 4, 3});
  check_adjoint([](const Variable& x) { return pad(x, 0, 2, 1); }, {2, 3});
  check_adjoint([](const Variable& x) { return split(x, {1, 3}, 1)[1]; }, {2, 4});
  check_adjoint(
      [](const Variable& x) {
        return concat({x, Variable(Tensor::zeros({2, 2}))}, 1);
      },
      {2, 3});

  // Where nothing came from, the gradient is zero.
  const Tensor dy = Tensor::arange(1, 3);
  const Tensor dx = vjp([](const Variable& x) { return slice(x, 0, 1, 3); }, Tensor::ones({4}), dy);
  CHECK(equal(dx, Tensor::from({0, 1, 2, 0}, {4})));
}

TEST_CASE("(TEN.3) mistake: permuting by the same order again") {
  const Shape order{1, 2, 0};
  Random random(3);
  const Tensor x = random.normal({3, 3, 3}), dy = random.normal({3, 3, 3});
  const Tensor dx = vjp([&](const Variable& v) { return permute(v, order); }, x, dy);
  CHECK(equal(dx, dy.permute({2, 0, 1})));
  check_wrong(dy.permute(order), dx);
}

TEST_CASE("(TEN.4) the adjoint of a sum repeats, that of a mean repeats and divides") {
  check_adjoint([](const Variable& x) { return sum(x, {1}); }, {2, 5, 3}, 5);
  check_adjoint([](const Variable& x) { return mean(x, {0, 2}, true); }, {2, 5, 3}, 6);
  const Tensor x = Tensor::ones({2, 3}), dy = Tensor::from({5, 7}, {2, 1});
  const auto rows = [](const Variable& v) { return sum(v, {1}, true); };
  CHECK(equal(vjp(rows, x, dy), dy.expand({2, 3})));
}

TEST_CASE("(TEN.4) mistake: the gradient of the mean for a sum") {
  const auto rows = [](const Variable& x) { return sum(x, {1}); };
  Random random(4);
  const Tensor u = random.normal({2, 3}), dy = random.normal({2});
  const Tensor wrong = dy.reshape({2, 1}).expand({2, 3}) / 3;
  const double expected = inner(dy, sum(u, {1}));
  CHECK(std::fabs(inner(wrong, u) - expected) > 0.1 * std::fabs(expected));
  check_near(inner(vjp(rows, u, dy), u), expected, rounding(3) * norm(dy) * norm(u));
}

TEST_SUITE_END();

}  // namespace ink::test
