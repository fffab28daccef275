#include <doctest/doctest.h>

#include "tensor/check.h"
#include "tensor/shape.h"

namespace ink {

TEST_CASE("shape: sizes, count, strides") {
  const Shape shape{2, 3, 4};
  CHECK(shape.axes() == 3);
  CHECK(shape[1] == 3);
  CHECK(shape.back() == 4);
  CHECK(shape.count() == 24);
  CHECK(shape.compact_strides() == Shape{12, 4, 1});
  CHECK(Shape{}.count() == 1);
  CHECK(Shape{3, 0, 2}.count() == 0);
  CHECK(Shape::filled(3, 7) == Shape{7, 7, 7});
  CHECK(Shape::filled(0, 7) == Shape{});
}

TEST_CASE("shape: equality sees the number of axes") {
  CHECK(Shape{2, 3} == Shape{2, 3});
  CHECK(Shape{2, 3} != Shape{3, 2});
  CHECK(Shape{} != Shape{1});
  CHECK(Shape{1} != Shape{1, 1});
}

TEST_CASE("shape: axes in and out") {
  CHECK(Shape{2, 3}.with_axis_inserted(0, 5) == Shape{5, 2, 3});
  CHECK(Shape{2, 3}.with_axis_inserted(2, 5) == Shape{2, 3, 5});
  CHECK(Shape{2, 3, 4}.with_axis_removed(1) == Shape{2, 4});
  CHECK(Shape{2}.with_axis_removed(0) == Shape{});
}

TEST_CASE("shape: printing") {
  CHECK(Shape{}.to_string() == "()");
  CHECK(Shape{5}.to_string() == "(5)");
  CHECK(Shape{2, 0, 4}.to_string() == "(2,0,4)");
  CHECK(fmt::format("{:>6}|", Shape{1, 2}) == " (1,2)|");
}

TEST_CASE("shape: no more than six axes") {
  CHECK(Shape{1, 2, 3, 4, 5, 6}.axes() == kMaxAxes);
  CHECK_THROWS_WITH_AS(Shape({1, 2, 3, 4, 5, 6, 7}), "[shape] expected at most 6 axes, got 7",
                       Error);
  const Shape full{1, 2, 3, 4, 5, 6};
  CHECK_THROWS_WITH_AS(full.with_axis_inserted(0, 1), "[shape] expected at most 6 axes, got 7",
                       Error);
}

TEST_CASE("shape: broadcasting by NumPy's rule (TEN.1)") {
  const auto joined = [](const Shape& a, const Shape& b) {
    CHECK(broadcast_shape("op", a, b) == broadcast_shape("op", b, a));
    return broadcast_shape("op", a, b);
  };
  CHECK(joined({2, 3}, {2, 3}) == Shape{2, 3});
  CHECK(joined({}, {2, 3}) == Shape{2, 3});
  CHECK(joined({3}, {2, 3}) == Shape{2, 3});
  CHECK(joined({2, 1}, {3}) == Shape{2, 3});
  CHECK(joined({4, 1, 3}, {5, 1}) == Shape{4, 5, 3});
  CHECK(joined({1, 1}, {1}) == Shape{1, 1});
  CHECK(joined({0}, {1}) == Shape{0});
  CHECK(joined({2, 0}, {1, 1}) == Shape{2, 0});
}

TEST_CASE("shape: what does not broadcast is named, both shapes in their order") {
  CHECK_THROWS_WITH_AS(broadcast_shape("add", {2, 3}, {2, 4}),
                       "[add] the shapes (2,3) and (2,4) do not broadcast: sizes 3 and 4 stand "
                       "opposite, expected equal sizes or a 1",
                       Error);
  CHECK_THROWS_WITH_AS(broadcast_shape("add", {4}, {2, 3}),
                       "[add] the shapes (4) and (2,3) do not broadcast: sizes 4 and 3 stand "
                       "opposite, expected equal sizes or a 1",
                       Error);
  CHECK_THROWS_AS(broadcast_shape("add", {0}, {2}), Error);
}

TEST_CASE("shape: negative axes count from the end") {
  CHECK(normalize_axis("op", 0, 3) == 0);
  CHECK(normalize_axis("op", 2, 3) == 2);
  CHECK(normalize_axis("op", -1, 3) == 2);
  CHECK(normalize_axis("op", -3, 3) == 0);
  CHECK_THROWS_WITH_AS(normalize_axis("sum", 3, 3),
                       "[sum] axis 3 is out of range for a tensor of 3 axes", Error);
  CHECK_THROWS_WITH_AS(normalize_axis("sum", -4, 3),
                       "[sum] axis -4 is out of range for a tensor of 3 axes", Error);
  CHECK_THROWS_AS(normalize_axis("sum", 0, 0), Error);
}

TEST_CASE("errors: one line, the op first") {
  CHECK_THROWS_WITH_AS(fail("op", "expected {}, got {}", 1, Shape{2}), "[op] expected 1, got (2)",
                       Error);
  CHECK_NOTHROW(check(true, "op", "never {}", 1));
  CHECK_THROWS_WITH_AS(check(false, "op", "always"), "[op] always", Error);
}

}  // namespace ink
