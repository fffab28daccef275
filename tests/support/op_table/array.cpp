#include "tests/support/op_table/array.h"

#include <algorithm>
#include <cmath>

namespace ink::test {

Array::Array(const Tensor& x) : shape(x.shape()) {
  for (const Real value : x.to_vector()) values.push_back(value);
}

double Array::largest() const {
  double result = 0;
  for (const double value : values) result = std::max(result, std::fabs(value));
  return result;
}

Arrays to_arrays(const Tensors& tensors) { return Arrays(tensors.begin(), tensors.end()); }

std::vector<Index> index_of(const Shape& shape, Index flat) {
  std::vector<Index> index(static_cast<std::size_t>(shape.axes()));
  for (int axis = shape.axes() - 1; axis >= 0; --axis) {
    index[static_cast<std::size_t>(axis)] = flat % shape[axis];
    flat /= shape[axis];
  }
  return index;
}

double read_broadcast(const Array& x, const std::vector<Index>& index) {
  const std::size_t skipped = index.size() - static_cast<std::size_t>(x.shape.axes());
  Index position = 0;
  for (int axis = 0; axis < x.shape.axes(); ++axis) {
    const Index size = x.shape[axis];
    const Index i = index[skipped + static_cast<std::size_t>(axis)];
    position = position * size + (size == 1 ? 0 : i);
  }
  return x.values[static_cast<std::size_t>(position)];
}

}  // namespace ink::test
