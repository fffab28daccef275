// Group normalisation, alone or with the SiLU that follows it.
#include "tensor/kernels/group_norm.h"

#include "autograd/sizes.h"
#include "tensor/ops.h"

namespace ink {

GroupNormSizes group_norm_sizes(const Variable& x, const Variable& gamma, const Variable& beta,
                                const GroupNormOptions& options, Index skip_channels) {
  check(x.axes() >= 2, "group_norm", "expected x (N,...,C), got {}", x.shape());
  const Index channels = x.size(-1) + skip_channels;
  check(options.groups >= 1 && channels % options.groups == 0, "group_norm",
        "expected groups that divide the {} channels of x = {}, got {}", channels, x.shape(),
        options.groups);
  check(gamma.shape() == Shape{channels} && beta.shape() == Shape{channels}, "group_norm",
        "x (N,...,C) = {} expects gamma and beta of shape {}, got {} and {}", x.shape(),
        Shape{channels}, gamma.shape(), beta.shape());
  const Index pixels = x.count() / std::max(Index{1}, x.size(0) * x.size(-1));
  return {x.size(0), pixels, channels, options.groups, options.epsilon, options.silu};
}

Variable group_norm(const Variable& x, const Variable& gamma, const Variable& beta,
                    const GroupNormOptions& options) {
  const GroupNormSizes sizes = group_norm_sizes(x, gamma, beta, options);
  const Tensor input = x.value().contiguous(), g = gamma.value().contiguous(),
               b = beta.value().contiguous();
  Tensor y(x.shape(), x.device()), mean({sizes.n, sizes.groups}, x.device()),
      rstd({sizes.n, sizes.groups}, x.device());
  on<cpu::group_norm_forward, cuda::group_norm_forward>(
      x.device(), y.mutable_data(), mean.mutable_data(), rstd.mutable_data(), input.data(),
      g.data(), b.data(), sizes);  // (GN.1) (GN.2) (GN.3)
  return record(options.silu ? "group_norm_silu" : "group_norm", y, {x, gamma, beta},
                [sizes, x = Saved(input, "x"), g = Saved(g, "gamma"), b = Saved(b, "beta"), mean,
                 rstd](const Tensor& upstream, const Tensors& so_far) {
                  const Tensor dy = upstream.contiguous();
                  Tensor dx = sum_place(so_far[0], dy.shape(), dy.device());
                  const Tensor before = compact(so_far[0]);
                  Tensor dgamma({sizes.channels}, dy.device()),
                      dbeta({sizes.channels}, dy.device());
                  on<cpu::group_norm_backward, cuda::group_norm_backward>(
                      dy.device(), dx.mutable_data(), dgamma.mutable_data(), dbeta.mutable_data(),
                      dy.data(), x.get().data(), mean.data(), rstd.data(), g.get().data(),
                      b.get().data(), sizes, pointer(before));  // (GN.4)
                  return Tensors{dx, dgamma, dbeta};
                });
}

Variable composed::group_norm(const Variable& x, const Variable& gamma, const Variable& beta,
                              const GroupNormOptions& options) {
  const GroupNormSizes sizes = group_norm_sizes(x, gamma, beta, options);
  const Variable grouped =
      reshape(x, {sizes.n, sizes.pixels, sizes.groups, sizes.channels / sizes.groups});
  const Variable centred = grouped - mean(grouped, {1, 3}, true);
  const Variable variance = mean(square(centred), {1, 3}, true);
  const Variable x_hat = reshape(centred / sqrt(variance + options.epsilon), x.shape());
  const Variable y = x_hat * gamma + beta;
  return options.silu ? composed::silu(y) : y;
}

}  // namespace ink
