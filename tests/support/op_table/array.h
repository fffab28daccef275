// Arrays of doubles in row-major order: what the naive references compute with. They share nothing
// with the library but Shape.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "tensor/tensor.h"

namespace ink::test {

// The row-major number of the element at `index`, one number for each axis.
inline std::size_t flat_of(const Shape& shape, std::span<const Index> index) {
  Index position = 0;
  int axis = 0;
  for (const Index i : index) position = position * shape[axis++] + i;
  return static_cast<std::size_t>(position);
}

// The other way round.
std::vector<Index> index_of(const Shape& shape, Index flat);

struct Array {
  Array() = default;
  // Zeros.
  explicit Array(const Shape& s) : shape(s), values(static_cast<std::size_t>(s.count())) {}
  explicit Array(const Tensor& x);

  // One index for each axis.
  template <class... I>
  double& operator()(I... index) {
    return values[flat_of(shape, std::array{static_cast<Index>(index)...})];
  }
  template <class... I>
  double operator()(I... index) const {
    return values[flat_of(shape, std::array{static_cast<Index>(index)...})];
  }
  Index size(int axis) const { return shape[axis]; }
  double largest() const;

  Shape shape;
  std::vector<double> values;
};

using Arrays = std::vector<Array>;

Arrays to_arrays(const Tensors& tensors);

// The element at `index` of what x broadcasts to by NumPy's rule: an axis of size 1 is read at 0,
// and leading axes that x lacks are skipped.
double read_broadcast(const Array& x, const std::vector<Index>& index);

}  // namespace ink::test
