// Dropout (Srivastava et al., 2014), scaled in training so that nothing changes when sampling.
#include "autograd/ops.h"
#include "tensor/ops.h"

namespace ink {

Variable dropout(const Variable& x, Real p, const Tensor& uniform) {
  check(p >= 0 && p < 1, "dropout", "expected a probability p with 0 <= p < 1, got {}", p);
  check(uniform.shape() == x.shape(), "dropout", "expected uniform numbers of x's shape {}, got {}",
        x.shape(), uniform.shape());
  const Tensor keep = map(LessThan{1 - p}, uniform) / (1 - p);
  return record("dropout", x.value() * keep, {x},
                [keep](const Tensor& dy) { return Tensors{dy * keep}; });  // (ACT.11)
}

}  // namespace ink
