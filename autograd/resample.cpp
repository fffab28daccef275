// Nearest-neighbour upsampling.
#include "autograd/ops.h"
#include "tensor/kernels/upsample.h"
#include "tensor/ops.h"

namespace ink {

Variable upsample_nearest(const Variable& x, Index factor) {
  check(x.axes() == 4 && factor >= 1, "upsample_nearest",
        "expected x (N,H,W,C) and a factor of at least 1, got {} and {}", x.shape(), factor);
  const UpsampleSizes sizes{x.size(0), x.size(1), x.size(2), x.size(3), factor};
  const Tensor input = x.value().contiguous();
  Tensor y({sizes.n, sizes.h * factor, sizes.w * factor, sizes.channels}, x.device());
  on<cpu::upsample_forward, cuda::upsample_forward>(x.device(), y.mutable_data(), input.data(),
                                                    sizes);  // (CONV.5)
  return record("upsample_nearest", y, {x}, [sizes](const Tensor& upstream) {
    const Tensor dy = upstream.contiguous();
    Tensor dx({sizes.n, sizes.h, sizes.w, sizes.channels}, dy.device());
    on<cpu::upsample_backward, cuda::upsample_backward>(dy.device(), dx.mutable_data(), dy.data(),
                                                        sizes);  // (CONV.6)
    return Tensors{dx};
  });
}

Variable composed::upsample_nearest(const Variable& x, Index factor) {
  const Index n = x.size(0), h = x.size(1), w = x.size(2), c = x.size(3);
  const Variable repeated = expand(reshape(x, {n, h, 1, w, 1, c}), {n, h, factor, w, factor, c});
  return reshape(repeated, {n, h * factor, w * factor, c});
}

}  // namespace ink
