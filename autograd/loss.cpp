// Losses.
#include "autograd/ops.h"
#include "tensor/ops.h"

namespace ink {

Variable mse(const Variable& a, const Variable& b) {
  check(a.shape() == b.shape(), "mse", "expected two values of one shape, got {} and {}", a.shape(),
        b.shape());
  const Tensor loss = mean(map(SquaredDifference{}, a.value(), b.value()));
  return record("mse", loss, {a, b},
                [a = Saved(a.value(), "a"), b = Saved(b.value(), "b"), need_a = a.requires_grad(),
                 need_b = b.requires_grad()](const Tensor& dy) {
                  const Real factor = Real(2) / static_cast<Real>(a.get().count());
                  const Tensor da = map(SquaredDifferenceGrad{factor}, dy, a, b);
                  return Tensors{need_a ? da : Tensor(), need_b ? -da : Tensor()};
                });
}

Variable composed::mse(const Variable& a, const Variable& b) { return mean(square(a - b)); }

}  // namespace ink
