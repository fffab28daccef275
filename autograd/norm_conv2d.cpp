// A convolution of a group normalisation, without the image that stands between them.
#include "tensor/kernels/norm_conv2d.h"

#include "autograd/sizes.h"
#include "tensor/ops.h"

namespace ink {

bool reads_skip(Device device) { return holds<cpu::kReadsSkip, cuda::kReadsSkip>(device); }

Variable norm_conv2d(const Variable& x, const Variable& gamma, const Variable& beta,
                     const GroupNormOptions& norm, const Variable& weight,
                     const Conv2dOptions& options, const Conv2dTerms& terms) {
  const NormConv2dSizes sizes{group_norm_sizes(x, gamma, beta, norm, skip_channels(terms)),
                              conv2d_sizes(x, weight, options, terms), skip_channels(terms)};
  if (terms.skip.defined() && !reads_skip(x.device()))
    return norm_conv2d(concat({x, terms.skip}, 3), gamma, beta, norm, weight, options,
                       without_skip(terms));
  const Tensor input = compact(x), skip = compact(terms.skip), g = compact(gamma),
               b = compact(beta), w = compact(weight), bias = compact(terms.bias),
               image_bias = compact(terms.image_bias), residual = compact(terms.residual);
  Tensor y({sizes.conv.n, sizes.conv.out_h(), sizes.conv.out_w(), sizes.conv.c_out}, x.device()),
      mean({sizes.norm.n, sizes.norm.groups}, x.device()),
      rstd({sizes.norm.n, sizes.norm.groups}, x.device());
  on<cpu::norm_conv2d_forward, cuda::norm_conv2d_forward>(
      x.device(), y.mutable_data(), mean.mutable_data(), rstd.mutable_data(),
      NormConv2dInputs{input.data(), g.data(), b.data(), weight_of(w), pointer(skip)},
      Conv2dEpilogue{pointer(bias), pointer(image_bias), pointer(residual)},
      sizes);  // (GN.3) (CONV.1)
  return record(
      "norm_conv2d", y,
      {x, terms.skip, gamma, beta, weight, terms.bias, terms.image_bias, terms.residual},
      [sizes, x = Saved(input, "x"), skip = Saved(skip, "skip"), g = Saved(g, "gamma"),
       b = Saved(b, "beta"), w = Saved(w, "weight"), mean, rstd,
       need_bias = terms.bias.requires_grad(), need_image_bias = terms.image_bias.requires_grad(),
       need_residual = terms.residual.requires_grad()](const Tensor& upstream,
                                                       const Tensors& so_far) {
        const Tensor dy = upstream.contiguous();
        const Device device = dy.device();
        Tensor dx = sum_place(so_far[0], x.get().shape(), device), dskip;
        if (skip.get().defined()) dskip = sum_place(so_far[1], skip.get().shape(), device);
        const Tensor before = compact(so_far[0]), skip_before = compact(so_far[1]);
        Tensor dgamma(g.get().shape(), device), dbeta(b.get().shape(), device),
            dw(w.get().shape(), device);
        Tensor dbias, dimage_bias;
        if (need_bias) dbias = Tensor({sizes.conv.c_out}, device);
        if (need_image_bias) dimage_bias = Tensor({sizes.conv.n, sizes.conv.c_out}, device);
        const auto target = [](Tensor& t) { return t.defined() ? t.mutable_data() : nullptr; };
        const NormConv2dGradients gradients{
            dx.mutable_data(), dgamma.mutable_data(), dbeta.mutable_data(),
            dw.mutable_data(), target(dbias),         target(dimage_bias),
            pointer(before),   target(dskip),         pointer(skip_before)};
        on<cpu::norm_conv2d_backward, cuda::norm_conv2d_backward>(
            device, gradients, dy.data(),
            NormConv2dInputs{x.get().data(), g.get().data(), b.get().data(), w.get().data(),
                             pointer(skip)},
            mean.data(), rstd.data(), sizes);  // (CONV.2) (CONV.3) (CONV.8) (GN.4)
        return Tensors{dx, dskip, dgamma,      dbeta,
                       dw, dbias, dimage_bias, need_residual ? dy : Tensor()};
      },
      2);
}

Variable composed::norm_conv2d(const Variable& x, const Variable& gamma, const Variable& beta,
                               const GroupNormOptions& norm, const Variable& weight,
                               const Conv2dOptions& options, const Conv2dTerms& terms) {
  const Variable image = terms.skip.defined() ? concat({x, terms.skip}, 3) : x;
  return composed::conv2d(composed::group_norm(image, gamma, beta, norm), weight, options,
                          without_skip(terms));
}

}  // namespace ink
