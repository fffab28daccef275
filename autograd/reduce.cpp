// Sums, means and maxima over axes.
#include "autograd/ops.h"
#include "tensor/ops.h"

namespace ink {
namespace {

// The shape of x with the reduced axes kept at size 1: what a reduced tensor broadcasts from.
Shape kept_shape(const char* op, const Shape& shape, const Shape& axes) {
  if (axes.axes() == 0) return Shape::filled(shape.axes(), 1);
  Shape kept = shape;
  for (const Index axis : axes) {
    kept[normalize_axis(op, static_cast<int>(axis), shape.axes())] = 1;
  }
  return kept;
}

}  // namespace

Variable sum(const Variable& x, const Shape& axes, bool keep) {
  return record("sum", sum(x.value(), axes, keep), {x},
                [shape = x.shape(), kept = kept_shape("sum", x.shape(), axes)](const Tensor& dy) {
                  return Tensors{dy.reshape(kept).expand(shape)};  // (TEN.4)
                });
}

Variable mean(const Variable& x, const Shape& axes, bool keep) {
  const Variable total = sum(x, axes, keep);
  return total * (static_cast<Real>(total.count()) / static_cast<Real>(x.count()));
}

Variable max(const Variable& x, const Shape& axes, bool keep) {
  const Shape kept = kept_shape("max", x.shape(), axes);
  const Tensor y = max(x.value(), axes, keep);
  return record("max", y, {x},
                [x = Saved(x.value(), "x"), y = Saved(y, "y"), axes, kept](const Tensor& dy) {
                  const Tensor is_max = map(Equal{}, x, y.get().reshape(kept));  // (ACT.12)
                  return Tensors{is_max * (dy.reshape(kept) / sum(is_max, axes, true))};
                });
}

}  // namespace ink
