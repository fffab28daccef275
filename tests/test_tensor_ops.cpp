// What tensors compute without gradients. Values over many shapes stand in the op table.
#include "tensor/ops.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tensor/kernels/accumulate.h"
#include "tensor/random.h"
#include "tests/support/op_table/array.h"

namespace ink {
namespace {

using Values = std::vector<Real>;
using test::Array;

constexpr Real kNan = std::numeric_limits<Real>::quiet_NaN();
constexpr Real kInfinity = std::numeric_limits<Real>::infinity();

Tensor counting(const Shape& shape) { return Tensor::arange(0, shape.count()).reshape(shape); }

Values values(const Tensor& x) { return x.to_vector(); }

}  // namespace

// ---- elementwise -----------------------------------------------------------------------------

TEST_CASE("elementwise: operators on tensors and numbers") {
  const Tensor a = Tensor::from({1, 2, 4}, {3}), b = Tensor::from({2, -1, 8}, {3});
  CHECK(values(a + b) == Values{3, 1, 12});
  CHECK(values(a - b) == Values{-1, 3, -4});
  CHECK(values(a * b) == Values{2, -2, 32});
  CHECK(values(b / a) == Values{2, -0.5, 2});
  CHECK(values(a + 1) == Values{2, 3, 5});
  CHECK(values(1 + a) == Values{2, 3, 5});
  CHECK(values(a - 1) == Values{0, 1, 3});
  CHECK(values(1 - a) == Values{0, -1, -3});
  CHECK(values(a * 2) == Values{2, 4, 8});
  CHECK(values(2 * a) == Values{2, 4, 8});
  CHECK(values(a / 2) == Values{0.5, 1, 2});
  CHECK(values(-a) == Values{-1, -2, -4});
  CHECK(values(square(b)) == Values{4, 1, 64});
  CHECK(values(sqrt(a))[2] == 2);
  CHECK(values(clamp(b, 0, 3)) == Values{2, 0, 3});
  CHECK(values(exp(Tensor::zeros({1}))) == Values{1});
  CHECK(values(log(Tensor::ones({1}))) == Values{0});
  CHECK(values(sin(Tensor::zeros({1}))) == Values{0});
  CHECK(values(cos(Tensor::zeros({1}))) == Values{1});
}

TEST_CASE("elementwise: functors that only the library uses") {
  const Tensor a = Tensor::from({-2, 0, 3}, {3}), b = Tensor::from({-2, 1, 1}, {3});
  CHECK(values(map(Sign{}, a)) == Values{-1, 0, 1});
  CHECK(values(map(LessThan{1}, a)) == Values{1, 1, 0});
  CHECK(values(map(Maximum{}, a, b)) == Values{-2, 1, 3});
  CHECK(values(map(Equal{}, a, b)) == Values{1, 0, 0});
  CHECK(values(map(Blend{2, 3}, a, b)) == Values{-10, 3, 9});
}

TEST_CASE("elementwise: NaN and infinity pass through") {
  const Tensor x = Tensor::from({kNan, kInfinity, -kInfinity}, {3});
  for (const Tensor& y : {x + 1, x * 2, exp(x), clamp(x, -1, 1), map(Relu{}, x), map(Silu{}, x)}) {
    CAPTURE(y.to_string());
    CHECK((std::isnan(y.at({0})) || y.at({0}) == 0));
  }
  CHECK(std::isnan(clamp(x, -1, 1).at({0})));
  CHECK(std::isnan(exp(x).at({0})));
  CHECK(exp(x).at({1}) == kInfinity);
  CHECK(exp(x).at({2}) == 0);
  CHECK(std::isnan(max(x).item()));
}

TEST_CASE("elementwise and reductions: one NaN among many numbers stays one") {
  constexpr Index kRows = 50, kColumns = 20;
  const auto same = [](Real a, Real b) { return a == b || (std::isnan(a) && std::isnan(b)); };
  for (const Index at : {0, 1, 37, 500, 999}) {
    CAPTURE(at);
    Tensor x = counting({kRows, kColumns});
    Tensor within = Tensor::from(values(x), x.shape());
    Tensor largest = Tensor::arange((kRows - 1) * kColumns, kRows * kColumns);
    for (Index i = 0; i < x.count(); ++i)
      within.mutable_data()[i] = std::clamp<Real>(x.data()[i], 30, 900);
    x.mutable_data()[at] = within.mutable_data()[at] = kNan;
    largest.mutable_data()[at % kColumns] = kNan;

    const Tensor clamped = clamp(x, 30, 900), maxima = max(x, {0});
    CHECK(std::equal(clamped.data(), clamped.data() + x.count(), within.data(), same));
    CHECK(std::equal(maxima.data(), maxima.data() + kColumns, largest.data(), same));
    CHECK(std::isnan(max(x).item()));
  }
}

TEST_CASE("elementwise: shapes that do not fit name the op") {
  const Tensor a = Tensor::zeros({2, 3}), b = Tensor::zeros({2, 4});
  const std::string rest =
      "the shapes (2,3) and (2,4) do not broadcast: sizes 3 and 4 stand opposite, expected equal "
      "sizes or a 1";
  CHECK_THROWS_WITH_AS(a + b, ("[add] " + rest).c_str(), Error);
  CHECK_THROWS_WITH_AS(a - b, ("[subtract] " + rest).c_str(), Error);
  CHECK_THROWS_WITH_AS(a * b, ("[multiply] " + rest).c_str(), Error);
  CHECK_THROWS_WITH_AS(a / b, ("[divide] " + rest).c_str(), Error);
  CHECK_THROWS_WITH_AS(map(Maximum{}, a, b), ("[map] " + rest).c_str(), Error);
  CHECK_THROWS_WITH_AS(map(DivideGradB{}, a, a, b, "third"), ("[third] " + rest).c_str(), Error);
}

TEST_CASE("add_: adds in place, into views too") {
  Tensor a = counting({2, 3});
  const Real* const data = a.data();
  add_(a, Tensor::ones({2, 3}).transpose(0, 1).reshape({2, 3}));
  CHECK(values(a) == Values{1, 2, 3, 4, 5, 6});
  CHECK(a.data() == data);
  Tensor turned = a.transpose(0, 1);
  add_(turned, counting({3, 2}));
  CHECK(values(a) == Values{1, 4, 7, 5, 8, 11});
  CHECK_THROWS_WITH_AS(add_(a, Tensor::zeros({3})),
                       "[add_] expected equal shapes, got (2,3) and (3)", Error);
}

TEST_CASE("add_each_: what add_ does, for any number of pairs") {
  Random random(3);
  std::vector<Tensor> sums, terms, expected;
  // Empty ones, small ones, some that several threads share, and more than one kernel takes.
  for (Index i = 0; i < 2 * kMostAdditions + 5; ++i) {
    const Index n = i % 7 == 0 ? 0 : i % 50 == 1 ? 40000 + i : i;
    sums.push_back(random.normal({n}));
    terms.push_back(random.normal({n}));
    expected.push_back(sums.back() + terms.back());
  }
  Tensor square = counting({2, 2});
  sums.push_back(square.transpose(0, 1));
  terms.push_back(Tensor::ones({1}).expand({2, 2}));
  expected.push_back(sums.back() + 1);
  sums.push_back(Tensor::zeros({2, 2}));
  terms.push_back(counting({2, 2}).transpose(0, 1));
  expected.push_back(terms.back());
  add_each_(sums, terms);
  for (std::size_t i = 0; i < sums.size(); ++i) CHECK(values(sums[i]) == values(expected[i]));
  CHECK(values(square) == Values{1, 2, 3, 4});

  std::vector<Tensor> one = {Tensor::zeros({2})};
  CHECK_THROWS_WITH_AS(add_each_(one, {}),
                       "[add_each_] expected as many terms as sums, got 0 and 1", Error);
  CHECK_THROWS_WITH_AS(add_each_(one, {Tensor::zeros({3})}),
                       "[add_each_] expected equal shapes, got (2) and (3)", Error);
}

// ---- reductions ------------------------------------------------------------------------------

namespace {

// Sum, mean, maximum and sum of squares over the axes whose bit is set in `mask`, by plain loops.
struct Totals {
  Totals(const Tensor& tensor, unsigned mask) {
    const Array x(tensor);
    Shape kept = x.shape;
    for (int axis = 0; axis < kept.axes(); ++axis) {
      if ((mask >> axis & 1) != 0) kept[axis] = 1;
    }
    sum = squares = largest = Array(kept);
    for (double& value : largest.values) value = -1e300;
    for (Index i = 0; i < x.shape.count(); ++i) {
      std::vector<Index> index = test::index_of(x.shape, i);
      for (int axis = 0; axis < kept.axes(); ++axis) {
        if (kept[axis] == 1) index[static_cast<std::size_t>(axis)] = 0;
      }
      const std::size_t to = test::flat_of(kept, index);
      const double value = x.values[static_cast<std::size_t>(i)];
      sum.values[to] += value;
      squares.values[to] += value * value;
      largest.values[to] = std::max(largest.values[to], value);
    }
  }

  Array sum, squares, largest;
};

// All numbers are small and whole, so nothing is rounded.
void check_equal(const Tensor& got, const Array& expected, const Shape& shape) {
  CHECK(got.shape() == shape);
  CHECK(Array(got).values == expected.values);
}

}  // namespace

TEST_CASE("reductions: every set of axes, kept or not") {
  const Tensor whole = Tensor::arange(-30, 90).reshape({2, 3, 4, 5});
  // The same numbers in another order in memory.
  const Tensor turned = whole.permute({3, 1, 0, 2}).clone().permute({2, 1, 3, 0});
  REQUIRE(equal(turned, whole));
  for (const Tensor& x : {whole, turned}) {
    for (unsigned mask = 1; mask < 16; ++mask) {
      std::vector<Index> axes, left;
      for (int axis = 0; axis < 4; ++axis) {
        (mask >> axis & 1 ? axes : left).push_back(mask >> axis & 1 ? axis : x.size(axis));
      }
      const Totals expected(x, mask);
      const Shape over(axes), kept = expected.sum.shape, shape(left);
      CAPTURE(over.to_string());
      check_equal(sum(x, over), expected.sum, shape);
      check_equal(sum(x, over, true), expected.sum, kept);
      check_equal(sum_of_squares(x, over), expected.squares, shape);
      check_equal(sum_of_squares(x, over, true), expected.squares, kept);
      check_equal(max(x, over), expected.largest, shape);
      check_equal(max(x, over, true), expected.largest, kept);
      const Real share = static_cast<Real>(shape.count()) / static_cast<Real>(x.count());
      CHECK(equal(mean(x, over), sum(x, over) * share));
      CHECK(equal(mean(x, over, true), sum(x, over, true) * share));
    }
  }
}

TEST_CASE("reductions: no axes means all of them, negative ones count from the end") {
  const Tensor x = counting({2, 3});
  CHECK(sum(x).shape() == Shape{});
  CHECK(sum(x).item() == 15);
  CHECK(sum(x, {}, true).shape() == Shape{1, 1});
  CHECK(mean(x).item() == Real(2.5));
  CHECK(max(x).item() == 5);
  CHECK(equal(sum(x, {-1}), sum(x, {1})));
  CHECK(equal(sum(x, {-1, 0}), sum(x)));
  CHECK(sum(Tensor::scalar(4)).item() == 4);
}

TEST_CASE("reductions: of nothing") {
  const Tensor x = Tensor::zeros({0, 3});
  CHECK(values(sum(x, {0})) == Values{0, 0, 0});
  CHECK(sum(x).item() == 0);
  CHECK(sum(x, {1}).shape() == Shape{0});
  CHECK(max(x, {0}).at({1}) == -kInfinity);
}

TEST_CASE("reductions: an axis out of range names the op") {
  const Tensor x = counting({2, 3});
  CHECK_THROWS_WITH_AS(sum(x, {2}), "[sum] axis 2 is out of range for a tensor of 2 axes", Error);
  CHECK_THROWS_WITH_AS(mean(x, {0, -3}), "[sum] axis -3 is out of range for a tensor of 2 axes",
                       Error);
  CHECK_THROWS_WITH_AS(max(x, {5}), "[max] axis 5 is out of range for a tensor of 2 axes", Error);
  CHECK_THROWS_WITH_AS(sum_of_squares(x, {5}),
                       "[sum_of_squares] axis 5 is out of range for a tensor of 2 axes", Error);
}

TEST_CASE("reductions: the error of a long sum does not grow with its length") {
  // 0.1 a million times: adding one after the other is off by 1 % in float.
  const Tensor x = Tensor::full({1000000}, Real(0.1));
  const double expected = 1e6 * static_cast<double>(Real(0.1));
  const double allowed = 20 * static_cast<double>(std::numeric_limits<Real>::epsilon()) * expected;
  CHECK(std::fabs(static_cast<double>(sum(x).item()) - expected) <= allowed);
  CHECK(std::fabs(static_cast<double>(sum(x.reshape({1000, 1000}), {0}).at({7})) -
                  expected / 1000) <= allowed / 1000);
}

TEST_CASE("sum_to: the adjoint of expand (TEN.2)") {
  const Tensor x = counting({2, 3, 2});
  CHECK(equal(sum_to(x, {2, 3, 2}), x));
  CHECK(equal(sum_to(x, {3, 2}), sum(x, {0})));
  CHECK(equal(sum_to(x, {1, 3, 1}), sum(x, {0, 2}, true)));
  CHECK(equal(sum_to(x, {}), sum(x)));
  CHECK(equal(sum_to(x.reshape({1, 12}), {12}), x.reshape({12})));
  // <expand(a), x> = <a, sum_to(x)>
  const Tensor a = counting({3, 1}) + 1;
  CHECK(sum(a.expand({2, 3, 2}) * x).item() == sum(a * sum_to(x, {3, 1})).item());
}

// ---- products --------------------------------------------------------------------------------

TEST_CASE("matmul: transposes and broadcast batches (MM.1)") {
  const Tensor a = counting({2, 1, 4, 3}) - 7, b = counting({5, 3, 6}) - 40;
  Array expected({2, 5, 4, 6});
  const Array x(a), y(b);
  for (Index i = 0; i < expected.shape.count(); ++i) {
    const std::vector<Index> at = test::index_of(expected.shape, i);
    for (Index k = 0; k < 3; ++k) {
      expected.values[static_cast<std::size_t>(i)] += x(at[0], 0, at[2], k) * y(at[1], k, at[3]);
    }
  }
  const Tensor at = a.transpose(-1, -2).clone(), bt = b.transpose(-1, -2).clone();
  for (const Tensor& c :
       {matmul(a, b), matmul(at, b, true), matmul(a, bt, false, true), matmul(at, bt, true, true),
        matmul(at.transpose(-1, -2), b), matmul(a, b.expand({2, 5, 3, 6}))}) {
    CHECK(c.shape() == Shape{2, 5, 4, 6});
    CHECK(Array(c).values == expected.values);
  }
}

TEST_CASE("matmul: one matrix against a batch, and empty ones") {
  const Tensor a = counting({2, 3}), b = counting({4, 3, 2});
  CHECK(matmul(a, b).shape() == Shape{4, 2, 2});
  CHECK(equal(matmul(a, b).slice(0, 3, 4).squeeze(0), matmul(a, b.slice(0, 3, 4).squeeze(0))));
  CHECK(equal(matmul(b, a).slice(0, 1, 2).squeeze(0), matmul(b.slice(0, 1, 2).squeeze(0), a)));
  CHECK(matmul(Tensor::zeros({0, 3}), b).shape() == Shape{4, 0, 2});
  CHECK(equal(matmul(Tensor::zeros({2, 0}), Tensor::zeros({0, 3})), Tensor::zeros({2, 3})));
}

TEST_CASE("matmul: sizes that do not fit") {
  const Tensor a = Tensor::zeros({2, 3});
  CHECK_THROWS_WITH_AS(matmul(a, Tensor::zeros({3})),
                       "[matmul] expected at least 2 axes, got (2,3) and (3)", Error);
  CHECK_THROWS_WITH_AS(matmul(a, Tensor::zeros({2, 4})),
                       "[matmul] the inner sizes of a (2,3) and b (2,4) differ: 3 and 2", Error);
  CHECK_THROWS_WITH_AS(
      matmul(a, Tensor::zeros({4, 3}), true, true),
      "[matmul] the inner sizes of a (2,3) (transposed) and b (4,3) (transposed) differ: 2 and 3",
      Error);
  CHECK_THROWS_AS(matmul(Tensor::zeros({2, 1, 1}), Tensor::zeros({3, 1, 1})), Error);
}

TEST_CASE("softmax: rows sum to one, large numbers do not overflow (ACT.5)") {
  const Tensor y = softmax(Tensor::from({1000, 1000, -1000, 0, 0, 0}, {2, 3}));
  CHECK(values(y.slice(0, 0, 1)) == Values{0.5, 0.5, 0});
  CHECK(allclose(sum(y, {1}), Tensor::ones({2}), 1e-6));
  CHECK_THROWS_WITH_AS(softmax(Tensor::scalar(1)),
                       "[softmax] expected a last axis that is not empty, got ()", Error);
  CHECK_THROWS_WITH_AS(softmax(Tensor::zeros({2, 0})),
                       "[softmax] expected a last axis that is not empty, got (2,0)", Error);
}

// ---- joining, cutting, choosing --------------------------------------------------------------

TEST_CASE("concat and split undo each other") {
  const Tensor x = counting({2, 7, 3});
  for (int axis : {1, -2}) {
    const Tensors parts = split(x, {2, 0, 5}, axis);
    REQUIRE(parts.size() == 3);
    CHECK(parts[0].shape() == Shape{2, 2, 3});
    CHECK(parts[1].shape() == Shape{2, 0, 3});
    CHECK(parts[2].at({1, 4, 2}) == x.at({1, 6, 2}));
    CHECK(equal(concat(parts, axis), x));
  }
  CHECK(split(x, {1, 1}, 0)[1].data() == x.data() + 21);
}

TEST_CASE("concat and split: what does not fit") {
  const Tensor x = Tensor::zeros({2, 3});
  CHECK_THROWS_WITH_AS(concat({}, 0), "[concat] expected at least one tensor, got none", Error);
  CHECK_THROWS_WITH_AS(concat({x, Tensor::zeros({3, 3})}, 1),
                       "[concat] expected shapes equal but for axis 1, got (2,3) and (3,3)", Error);
  CHECK_THROWS_WITH_AS(concat({x, Tensor::zeros({3})}, -1),
                       "[concat] expected shapes equal but for axis 1, got (2,3) and (3)", Error);
  CHECK_THROWS_WITH_AS(concat({x}, 2), "[concat] axis 2 is out of range for a tensor of 2 axes",
                       Error);
  CHECK_THROWS_WITH_AS(split(x, {1, 1}, 1),
                       "[split] the sizes (1,1) sum to 2, but axis 1 of (2,3) has 3", Error);
  CHECK_THROWS_AS(split(x, {4, -1}, 1), Error);
}

TEST_CASE("gather takes rows, scatter_add adds them back (EMB.3) (EMB.4)") {
  const Tensor table = counting({4, 2});
  const Tensor index = Tensor::from({3, 0, 3}, {3});
  CHECK(values(gather(table, index)) == Values{6, 7, 0, 1, 6, 7});
  CHECK(values(scatter_add(Tensor::from({1, 2, 3, 4, 5, 6}, {3, 2}), index, 4)) ==
        Values{3, 4, 0, 0, 0, 0, 6, 8});
  CHECK(gather(counting({3}), Tensor::from({2, 2}, {2})).at({1}) == 2);
  CHECK(gather(counting({2, 3, 4}), Tensor::from({1}, {1})).shape() == Shape{1, 3, 4});
  CHECK(gather(table, Tensor::zeros({0})).shape() == Shape{0, 2});
  CHECK(values(scatter_add(Tensor::zeros({0, 2}), Tensor::zeros({0}), 1)) == Values{0, 0});
}

TEST_CASE("gather and scatter_add: bad indices") {
  const Tensor table = counting({4, 2});
  const auto index = [](Real i) { return Tensor::from(std::vector<Real>{i}, {1}); };
  CHECK_THROWS_WITH_AS(gather(Tensor::scalar(1), index(0)),
                       "[gather] expected a tensor with axes, got a scalar", Error);
  CHECK_THROWS_WITH_AS(gather(table, Tensor::zeros({1, 1})),
                       "[gather] expected an index of one axis, got (1,1)", Error);
  CHECK_THROWS_WITH_AS(gather(table, index(4)),
                       "[gather] expected whole indices from 0 to 3, got 4", Error);
  CHECK_THROWS_WITH_AS(gather(table, index(-1)),
                       "[gather] expected whole indices from 0 to 3, got -1", Error);
  CHECK_THROWS_WITH_AS(gather(table, index(Real(1.5))),
                       "[gather] expected whole indices from 0 to 3, got 1.5", Error);
  CHECK_THROWS_AS(gather(table, index(kNan)), Error);
  CHECK_THROWS_WITH_AS(scatter_add(Tensor::zeros({1, 2}), index(2), 2),
                       "[scatter_add] expected whole indices from 0 to 1, got 2", Error);
  CHECK_THROWS_WITH_AS(scatter_add(Tensor::zeros({2, 2}), index(0), 2),
                       "[scatter_add] expected one row of (2,2) for each index of (1)", Error);
}

// ---- comparing -------------------------------------------------------------------------------

TEST_CASE("equal: same shape and bits") {
  const Tensor a = Tensor::from({1, kNan}, {2});
  CHECK(equal(a, a.clone()));
  CHECK_FALSE(equal(a, a.reshape({1, 2})));
  CHECK_FALSE(equal(Tensor::from({0}, {1}), Tensor::from({-0.0}, {1})));
  CHECK_FALSE(equal(Tensor::ones({2}), Tensor::from({1, 1.5}, {2})));
  CHECK(equal(Tensor::zeros({0}), Tensor::zeros({0})));
}

TEST_CASE("allclose: relative to the second, plus an absolute part") {
  const Tensor b = Tensor::from({100, 0}, {2});
  CHECK(allclose(Tensor::from({101, 0}, {2}), b, 0.01, 0));
  CHECK_FALSE(allclose(Tensor::from({102, 0}, {2}), b, 0.01, 0));
  CHECK_FALSE(allclose(Tensor::from({100, 0.5}, {2}), b, 0.01, 0.25));
  CHECK(allclose(Tensor::from({100, 0.5}, {2}), b, 0, 0.5));
  CHECK_FALSE(allclose(b, b.reshape({1, 2})));
  CHECK(allclose(Tensor::from({kInfinity}, {1}), Tensor::from({kInfinity}, {1})));
  CHECK_FALSE(allclose(Tensor::from({kNan}, {1}), Tensor::from({kNan}, {1})));
  CHECK_FALSE(allclose(Tensor::from({1}, {1}), Tensor::from({kNan}, {1})));
}

TEST_CASE("relative_error: the largest difference over the largest magnitude") {
  const Tensor b = Tensor::from({4, -8}, {2});
  CHECK(relative_error(b, b) == 0);
  CHECK(relative_error(Tensor::from({5, -8}, {2}), b) == 0.125);
  CHECK(relative_error(b, b.reshape({2, 1})) == INFINITY);
  CHECK(relative_error(Tensor::from({4, kNan}, {2}), b) == INFINITY);
  CHECK(relative_error(Tensor::ones({1}), Tensor::zeros({1})) == INFINITY);
  CHECK(relative_error(Tensor::zeros({1}), Tensor::zeros({1})) == 0);
}

TEST_CASE("all_finite: no NaN, no infinity") {
  CHECK(all_finite(Tensor::from({1, -2}, {2})));
  CHECK_FALSE(all_finite(Tensor::from({1, kNan}, {2})));
  CHECK_FALSE(all_finite(Tensor::from({-kInfinity, 1}, {2})));
  CHECK(all_finite(Tensor::zeros({0})));
}

}  // namespace ink
