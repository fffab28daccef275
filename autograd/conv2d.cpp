// Convolution on NHWC images.
#include "tensor/kernels/conv2d.h"

#include "autograd/sizes.h"
#include "tensor/ops.h"

namespace ink {

Conv2dSizes conv2d_sizes(const Variable& x, const Variable& weight, const Conv2dOptions& options,
                         const Conv2dTerms& terms) {
  check(x.axes() == 4 && weight.axes() == 4, "conv2d",
        "expected x (N,H,W,C) and the weight (O,KH,KW,C), got {} and {}", x.shape(),
        weight.shape());
  check(x.size(3) == weight.size(3), "conv2d",
        "x (N,H,W,C) = {} but the weight (O,KH,KW,C) = {} expects C = {}", x.shape(),
        weight.shape(), weight.size(3));
  check(options.stride >= 1 && options.padding >= 0, "conv2d",
        "expected stride >= 1 and padding >= 0, got {} and {}", options.stride, options.padding);
  const Conv2dSizes sizes{.n = x.size(0),
                          .h = x.size(1),
                          .w = x.size(2),
                          .c_in = x.size(3),
                          .c_out = weight.size(0),
                          .kernel_h = weight.size(1),
                          .kernel_w = weight.size(2),
                          .stride = options.stride,
                          .padding = options.padding};
  check(sizes.h + 2 * sizes.padding >= sizes.kernel_h &&
            sizes.w + 2 * sizes.padding >= sizes.kernel_w,
        "conv2d", "x (N,H,W,C) = {} with padding {} is smaller than the kernel of {}", x.shape(),
        options.padding, weight.shape());
  const auto check_term = [](const char* name, const Variable& term, const Shape& expected) {
    check(!term.defined() || term.shape() == expected, "conv2d",
          "expected the {} to have the shape {}, got {}", name, expected, term.shape());
  };
  check_term("bias", terms.bias, {sizes.c_out});
  check_term("image_bias", terms.image_bias, {sizes.n, sizes.c_out});
  check_term("residual", terms.residual, {sizes.n, sizes.out_h(), sizes.out_w(), sizes.c_out});
  check_same_device("conv2d", x.value(), weight.value());
  return sizes;
}

Variable conv2d(const Variable& x, const Variable& weight, const Conv2dOptions& options,
                const Conv2dTerms& terms) {
  const Conv2dSizes sizes = conv2d_sizes(x, weight, options, terms);
  const Tensor input = compact(x), w = compact(weight), bias = compact(terms.bias),
               image_bias = compact(terms.image_bias), residual = compact(terms.residual);

  Tensor y({sizes.n, sizes.out_h(), sizes.out_w(), sizes.c_out}, x.device());
  const Conv2dEpilogue epilogue{pointer(bias), pointer(image_bias), pointer(residual)};
  on<cpu::conv2d_forward, cuda::conv2d_forward>(x.device(), y.mutable_data(), input.data(),
                                                w.data(), epilogue, sizes);  // (CONV.1)
  return record("conv2d", y, {x, weight, terms.bias, terms.image_bias, terms.residual},
                [sizes, x = Saved(input, "x"), w = Saved(w, "weight"), need_dx = x.requires_grad(),
                 need_dw = weight.requires_grad(), need_bias = terms.bias.requires_grad(),
                 need_image_bias = terms.image_bias.requires_grad(),
                 need_residual = terms.residual.requires_grad()](const Tensor& upstream) {
                  const Tensor dy = upstream.contiguous();
                  const Device device = dy.device();
                  Tensor dx, dw, dbias, dimage_bias;
                  if (need_dw || need_bias) {
                    dw = Tensor({sizes.c_out, sizes.kernel_h, sizes.kernel_w, sizes.c_in}, device);
                    dbias = need_bias ? Tensor({sizes.c_out}, device) : Tensor();
                    on<cpu::conv2d_backward_weight, cuda::conv2d_backward_weight>(
                        device, dw.mutable_data(), need_bias ? dbias.mutable_data() : nullptr,
                        x.get().data(), dy.data(), sizes);  // (CONV.2)
                  }
                  if (need_dx) {
                    dx = Tensor({sizes.n, sizes.h, sizes.w, sizes.c_in}, device);
                    on<cpu::conv2d_backward_data, cuda::conv2d_backward_data>(
                        device, dx.mutable_data(), dy.data(), w.get().data(), sizes);  // (CONV.3)
                  }
                  if (need_image_bias) dimage_bias = sum(dy, {1, 2});  // (CONV.8)
                  return Tensors{dx, need_dw ? dw : Tensor(), dbias, dimage_bias,
                                 need_residual ? dy : Tensor()};
                });
}

// A sum over taps: each shifts the padded image and multiplies its channels by one slice of the
// weight.
Variable composed::conv2d(const Variable& x, const Variable& weight, const Conv2dOptions& options,
                          const Conv2dTerms& terms) {
  const Conv2dSizes sizes = conv2d_sizes(x, weight, options, terms);
  const Index p = sizes.padding, s = sizes.stride, oh = sizes.out_h(), ow = sizes.out_w();
  // s - 1 more zeros at the end let every window be cut into whole strides.
  const Variable padded = pad(pad(x, 1, p, p + s - 1), 2, p, p + s - 1);
  Variable y;
  for (Index u = 0; u < sizes.kernel_h; ++u) {
    for (Index v = 0; v < sizes.kernel_w; ++v) {
      const Variable window = slice(slice(padded, 1, u, u + oh * s), 2, v, v + ow * s);
      const Variable strided =
          reshape(slice(slice(reshape(window, {sizes.n, oh, s, ow, s * sizes.c_in}), 2, 0, 1), 4, 0,
                        sizes.c_in),
                  {sizes.n, oh, ow, sizes.c_in});
      const Variable tap =
          reshape(slice(slice(weight, 1, u, u + 1), 2, v, v + 1), {sizes.c_out, sizes.c_in});
      const Variable term = composed::linear(strided, tap);
      y = y.defined() ? y + term : term;
    }
  }
  if (terms.bias.defined()) y = y + terms.bias;
  if (terms.image_bias.defined()) {
    y = y + reshape(terms.image_bias, {sizes.n, 1, 1, sizes.c_out});
  }
  if (terms.residual.defined()) y = y + terms.residual;
  return y;
}

}  // namespace ink
