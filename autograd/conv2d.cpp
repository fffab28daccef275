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
  check(!terms.skip.defined() ||
            (terms.skip.axes() == 4 &&
             terms.skip.value().slice(3, 0, 0).shape() == x.value().slice(3, 0, 0).shape()),
        "conv2d",
        "expected the skip connection to have the shape of x (N,H,W,C) = {} but for C, "
        "got {}",
        x.shape(), terms.skip.shape());
  const Index c_in = x.size(3) + skip_channels(terms);
  const std::string joined =
      terms.skip.defined() ? fmt::format(" and a skip connection {}", terms.skip.shape()) : "";
  check(c_in == weight.size(3), "conv2d",
        "x (N,H,W,C) = {}{} but the weight (O,KH,KW,C) = {} expects C = {}", x.shape(), joined,
        weight.shape(), weight.size(3));
  check(options.stride >= 1 && options.padding >= 0, "conv2d",
        "expected stride >= 1 and padding >= 0, got {} and {}", options.stride, options.padding);
  const Conv2dSizes sizes{.n = x.size(0),
                          .h = x.size(1),
                          .w = x.size(2),
                          .c_in = c_in,
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

namespace {

// The channels of the image that stand in one tensor, and the weights that they meet.
struct Part {
  Part(const Variable& image, const Variable& weight, Index first, const Conv2dSizes& whole)
      : x(compact(image), "x"),
        w(weight.value().slice(3, first, first + image.size(3)).contiguous(), "weight"),
        sizes(whole),
        need_dx(image.requires_grad()) {
    sizes.c_in = image.size(3);
  }

  Tensor gradient(const Tensor& dy) const {
    if (!need_dx) return {};
    Tensor dx(x.get().shape(), dy.device());
    on<cpu::conv2d_backward_data, cuda::conv2d_backward_data>(
        dy.device(), dx.mutable_data(), dy.data(), w.get().data(), sizes);  // (CONV.3)
    return dx;
  }

  Tensor weight_gradient(const Tensor& dy, Real* dbias) const {
    Tensor dw(w.get().shape(), dy.device());
    on<cpu::conv2d_backward_weight, cuda::conv2d_backward_weight>(
        dy.device(), dw.mutable_data(), dbias, x.get().data(), dy.data(), sizes);  // (CONV.2)
    return dw;
  }

  Saved x, w;
  Conv2dSizes sizes;
  bool need_dx;
};

}  // namespace

Variable conv2d(const Variable& x, const Variable& weight, const Conv2dOptions& options,
                const Conv2dTerms& terms) {
  const Conv2dSizes sizes = conv2d_sizes(x, weight, options, terms);
  if (terms.skip.defined() && !reads_skip(x.device()))
    return conv2d(concat({x, terms.skip}, 3), weight, options, without_skip(terms));
  std::vector<Part> parts{{x, weight, 0, sizes}};
  if (terms.skip.defined()) parts.emplace_back(terms.skip, weight, x.size(3), sizes);
  const Tensor bias = compact(terms.bias), image_bias = compact(terms.image_bias),
               residual = compact(terms.residual);

  Tensor y({sizes.n, sizes.out_h(), sizes.out_w(), sizes.c_out}, x.device());
  Conv2dEpilogue epilogue{pointer(bias), pointer(image_bias), pointer(residual)};
  for (const Part& part : parts) {
    on<cpu::conv2d_forward, cuda::conv2d_forward>(x.device(), y.mutable_data(), part.x.get().data(),
                                                  weight_of(part.w.get()), epilogue,
                                                  part.sizes);  // (CONV.1)
    epilogue = {.residual = y.data()};
  }
  return record(
      "conv2d", y, {x, weight, terms.bias, terms.image_bias, terms.residual, terms.skip},
      [parts, c_out = sizes.c_out, need_dw = weight.requires_grad(),
       need_bias = terms.bias.requires_grad(), need_image_bias = terms.image_bias.requires_grad(),
       need_residual = terms.residual.requires_grad()](const Tensor& upstream) {
        const Tensor dy = upstream.contiguous();
        Tensor dbias = need_bias ? Tensor({c_out}, dy.device()) : Tensor();
        Tensors dw, dx{{}, {}};
        for (std::size_t i = 0; i < parts.size(); ++i) {
          if (need_dw || (need_bias && i == 0))
            dw.push_back(
                parts[i].weight_gradient(dy, need_bias && i == 0 ? dbias.mutable_data() : nullptr));
          dx[i] = parts[i].gradient(dy);
        }
        return Tensors{dx[0],
                       !need_dw         ? Tensor()
                       : dw.size() == 1 ? dw[0]
                                        : concat(dw, 3),
                       dbias,
                       need_image_bias ? sum(dy, {1, 2}) : Tensor(),  // (CONV.8)
                       need_residual ? dy : Tensor(),
                       dx[1]};
      });
}

// A sum over taps: each shifts the padded image and multiplies its channels by one slice of the
// weight.
Variable composed::conv2d(const Variable& x, const Variable& weight, const Conv2dOptions& options,
                          const Conv2dTerms& terms) {
  const Conv2dSizes sizes = conv2d_sizes(x, weight, options, terms);
  if (terms.skip.defined())
    return composed::conv2d(concat({x, terms.skip}, 3), weight, options, without_skip(terms));
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
