// Views and joins: the adjoint of moving elements is moving them back. (TEN.3)
#include "autograd/ops.h"
#include "tensor/ops.h"

namespace ink {

Variable reshape(const Variable& x, const Shape& shape) {
  return record("reshape", x.value().reshape(shape), {x},
                [shape = x.shape()](const Tensor& dy) { return Tensors{dy.reshape(shape)}; });
}

Variable permute(const Variable& x, const Shape& order) {
  Shape inverse = order;
  const Tensor y = x.value().permute(order);
  for (int axis = 0; axis < order.axes(); ++axis) inverse[static_cast<int>(order[axis])] = axis;
  return record("permute", y, {x},
                [inverse](const Tensor& dy) { return Tensors{dy.permute(inverse)}; });
}

Variable transpose(const Variable& x, int axis_a, int axis_b) {
  return record(
      "transpose", x.value().transpose(axis_a, axis_b), {x},
      [axis_a, axis_b](const Tensor& dy) { return Tensors{dy.transpose(axis_a, axis_b)}; });
}

Variable expand(const Variable& x, const Shape& shape) {
  return record("expand", x.value().expand(shape), {x},
                [shape = x.shape()](const Tensor& dy) { return Tensors{sum_to(dy, shape)}; });
}

Variable squeeze(const Variable& x, int axis) {
  const Tensor y = x.value().squeeze(axis);
  return record("squeeze", y, {x},
                [shape = x.shape()](const Tensor& dy) { return Tensors{dy.reshape(shape)}; });
}

Variable unsqueeze(const Variable& x, int axis) {
  const Tensor y = x.value().unsqueeze(axis);
  return record("unsqueeze", y, {x},
                [shape = x.shape()](const Tensor& dy) { return Tensors{dy.reshape(shape)}; });
}

Variable slice(const Variable& x, int axis, Index first, Index last) {
  return record("slice", x.value().slice(axis, first, last), {x},
                [shape = x.shape(), axis, first, last](const Tensor& dy) {
                  const Tensor dx = Tensor::zeros(shape, dy.device());
                  dx.slice(axis, first, last).copy_(dy);
                  return Tensors{dx};
                });
}

Variable concat(const std::vector<Variable>& parts, int axis) {
  Tensors values;
  std::vector<Index> sizes;
  for (const Variable& part : parts) values.push_back(part.value());
  const Tensor y = concat(values, axis);
  for (const Variable& part : parts) sizes.push_back(part.size(axis));
  return record("concat", y, parts,
                [sizes = Shape(sizes), axis](const Tensor& dy) { return split(dy, sizes, axis); });
}

std::vector<Variable> split(const Variable& x, const Shape& sizes, int axis) {
  const Tensors checked = split(x.value(), sizes, axis);
  std::vector<Variable> parts;
  Index first = 0;
  for (const Index size : sizes) {
    parts.push_back(slice(x, axis, first, first + size));
    first += size;
  }
  return parts;
}

Variable pad(const Variable& x, int axis, Index before, Index after) {
  check(before >= 0 && after >= 0, "pad", "expected paddings of at least 0, got {} and {}", before,
        after);
  Shape shape = x.shape();
  const int a = normalize_axis("pad", axis, x.axes());
  const Index size = x.size(a);
  shape[a] = before + size + after;
  Tensor y = Tensor::zeros(shape, x.device());
  y.slice(a, before, before + size).copy_(x.value());
  return record("pad", y, {x}, [a, before, size](const Tensor& dy) {
    return Tensors{dy.slice(a, before, before + size)};
  });
}

}  // namespace ink
