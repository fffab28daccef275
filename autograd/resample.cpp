// Nearest-neighbour upsampling, and the convolution that follows it.
#include "autograd/sizes.h"
#include "tensor/kernels/upsample_conv2d.h"
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

Variable upsample_conv2d(const Variable& x, const Variable& weight, const Variable& bias) {
  check(x.axes() == 4 && weight.axes() == 4 && weight.size(1) == 3 && weight.size(2) == 3 &&
            weight.size(3) == x.size(3),
        "upsample_conv2d", "expected x (N,H,W,C) and the weight (O,3,3,C), got {} and {}",
        x.shape(), weight.shape());
  check(!bias.defined() || bias.shape() == Shape{weight.size(0)}, "upsample_conv2d",
        "expected the bias to have the shape {}, got {}", Shape{weight.size(0)}, bias.shape());
  check_same_device("upsample_conv2d", x.value(), weight.value());
  const UpsampleConv2dSizes sizes{x.size(0), x.size(1), x.size(2), x.size(3), weight.size(0)};
  const Tensor input = compact(x), w = compact(weight), b = compact(bias);
  Tensor y({sizes.n, 2 * sizes.h, 2 * sizes.w, sizes.c_out}, x.device());
  on<cpu::upsample_conv2d_forward, cuda::upsample_conv2d_forward>(
      x.device(), y.mutable_data(), input.data(), weight_of(w), pointer(b),
      sizes);  // (CONV.5) (CONV.1)
  return record(
      "upsample_conv2d", y, {x, weight, bias},
      [sizes, x = Saved(input, "x"), w = Saved(w, "weight"), need_dx = x.requires_grad(),
       need_dw = weight.requires_grad(), need_bias = bias.requires_grad()](const Tensor& upstream) {
        const Tensor dy = upstream.contiguous();
        const Device device = dy.device();
        Tensor dx, dw, dbias;
        if (need_dx) {
          dx = Tensor(x.get().shape(), device);
          on<cpu::upsample_conv2d_backward_data, cuda::upsample_conv2d_backward_data>(
              device, dx.mutable_data(), dy.data(), w.get().data(), sizes);  // (CONV.3) (CONV.6)
        }
        if (need_dw || need_bias) {
          dw = Tensor(w.get().shape(), device);
          if (need_bias) dbias = Tensor({sizes.c_out}, device);
          on<cpu::upsample_conv2d_backward_weight, cuda::upsample_conv2d_backward_weight>(
              device, dw.mutable_data(), need_bias ? dbias.mutable_data() : nullptr, x.get().data(),
              dy.data(), sizes);  // (CONV.2) (CONV.8)
        }
        return Tensors{dx, need_dw ? dw : Tensor(), dbias};
      });
}

Variable composed::upsample_conv2d(const Variable& x, const Variable& weight,
                                   const Variable& bias) {
  return composed::conv2d(composed::upsample_nearest(x), weight, {.padding = 1}, {.bias = bias});
}

}  // namespace ink
