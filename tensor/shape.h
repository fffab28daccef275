// Shapes: up to kMaxAxes sizes, by value.
#pragma once

#include <fmt/format.h>

#include <array>
#include <initializer_list>
#include <span>
#include <string>

#include "tensor/kernels/real.h"

namespace ink {

// The sizes of a tensor's axes, slowest first; also used for strides and lists of axes.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<Index> sizes);
  explicit Shape(std::span<const Index> sizes);
  // `axes` sizes, all equal to `value`.
  static Shape filled(int axes, Index value);

  int axes() const { return axes_; }
  Index operator[](int axis) const { return sizes_[static_cast<std::size_t>(axis)]; }
  Index& operator[](int axis) { return sizes_[static_cast<std::size_t>(axis)]; }
  Index back() const { return (*this)[axes_ - 1]; }
  const Index* begin() const { return sizes_.data(); }
  const Index* end() const { return sizes_.data() + axes_; }

  // The product of the sizes: 1 for a scalar's empty shape.
  Index count() const;
  // Strides of a compact row-major array of this shape.
  Shape compact_strides() const;
  Shape with_axis_inserted(int axis, Index size) const;
  Shape with_axis_removed(int axis) const;

  bool operator==(const Shape& other) const;
  // "(2,3)"; a scalar's is "()".
  std::string to_string() const;

 private:
  std::array<Index, kMaxAxes> sizes_{};
  int axes_ = 0;
};

// The shape that `a` and `b` broadcast to by NumPy's rule: aligned at the last axis, sizes equal
// or 1. Throws Error naming `op` and both shapes.
Shape broadcast_shape(const char* op, const Shape& a, const Shape& b);

// Counts a negative axis from the end; throws Error naming `op` when it is out of range.
int normalize_axis(const char* op, int axis, int axes);

}  // namespace ink

template <>
struct fmt::formatter<ink::Shape> : fmt::formatter<std::string> {
  auto format(const ink::Shape& shape, fmt::format_context& context) const {
    return fmt::formatter<std::string>::format(shape.to_string(), context);
  }
};
