// Softmax over the last axis.
#include "tensor/kernels/softmax.h"

#include "autograd/ops.h"
#include "tensor/ops.h"

namespace ink {

Variable softmax(const Variable& x) {
  const Tensor y = softmax(x.value());
  return record("softmax", y, {x}, [y = Saved(y, "y")](const Tensor& upstream) {
    const Tensor dy = upstream.contiguous();
    Tensor dx(dy.shape(), dy.device());
    const SoftmaxSizes sizes{dy.count() / dy.size(-1), dy.size(-1)};
    on<cpu::softmax_backward, cuda::softmax_backward>(dy.device(), dx.mutable_data(), dy.data(),
                                                      y.get().data(), sizes);  // (ACT.6)
    return Tensors{dx};
  });
}

// The shift by the maximum changes nothing but the range of exp; it is a constant to the gradient.
Variable composed::softmax(const Variable& x) {
  const Variable e = exp(x - Variable(max(x.value(), {-1}, true)));
  return e / sum(e, {-1}, true);
}

}  // namespace ink
