#include "tensor/shape.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <vector>

#include "tensor/check.h"

namespace ink {

Shape::Shape(std::initializer_list<Index> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}

Shape::Shape(std::span<const Index> sizes) : axes_(static_cast<int>(sizes.size())) {
  check(sizes.size() <= kMaxAxes, "shape", "expected at most {} axes, got {}", kMaxAxes,
        sizes.size());
  std::copy(sizes.begin(), sizes.end(), sizes_.begin());
}

Shape Shape::filled(int axes, Index value) {
  const std::vector<Index> sizes(static_cast<std::size_t>(axes), value);
  return Shape(sizes);
}

Index Shape::count() const {
  return std::accumulate(begin(), end(), Index{1}, std::multiplies<>{});
}

Shape Shape::compact_strides() const {
  Shape strides = *this;
  Index stride = 1;
  for (int axis = axes_ - 1; axis >= 0; --axis) {
    strides[axis] = stride;  // (TEN.5)
    stride *= (*this)[axis];
  }
  return strides;
}

Shape Shape::with_axis_inserted(int axis, Index size) const {
  std::vector<Index> sizes(begin(), end());
  sizes.insert(sizes.begin() + axis, size);
  return Shape(sizes);
}

Shape Shape::with_axis_removed(int axis) const {
  std::vector<Index> sizes(begin(), end());
  sizes.erase(sizes.begin() + axis);
  return Shape(sizes);
}

bool Shape::operator==(const Shape& other) const {
  return std::equal(begin(), end(), other.begin(), other.end());
}

std::string Shape::to_string() const { return fmt::format("({})", fmt::join(begin(), end(), ",")); }

Shape broadcast_shape(const char* op, const Shape& a, const Shape& b) {
  const Shape& longer = a.axes() >= b.axes() ? a : b;
  const Shape& shorter = a.axes() >= b.axes() ? b : a;
  Shape result = longer;
  const int offset = longer.axes() - shorter.axes();
  for (int axis = 0; axis < shorter.axes(); ++axis) {
    const Index x = longer[offset + axis], y = shorter[axis];
    check(x == y || x == 1 || y == 1, op,
          "the shapes {} and {} do not broadcast: sizes {} and {} stand opposite, expected equal "
          "sizes or a 1",
          a, b, a.axes() >= b.axes() ? x : y, a.axes() >= b.axes() ? y : x);
    result[offset + axis] = x == 1 ? y : x;
  }
  return result;
}

int normalize_axis(const char* op, int axis, int axes) {
  check(axis >= -axes && axis < axes, op, "axis {} is out of range for a tensor of {} axes", axis,
        axes);
  return axis < 0 ? axis + axes : axis;
}

}  // namespace ink
