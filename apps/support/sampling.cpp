#include "apps/support/sampling.h"

#include <algorithm>
#include <memory>

#include "io/image.h"
#include "nn/optim/ema.h"
#include "tensor/check.h"
#include "tensor/graph.h"
#include "tensor/ops.h"

namespace ink::apps {

std::string Sampler::to_string() const {
  const std::string rest = (clamp ? ", x0 clamped" : "") +
                           (guidance == 1 ? "" : fmt::format(", guidance {:g}", guidance));
  if (kind == Kind::ddim) return fmt::format("DDIM, {} steps, eta {:g}{}", steps, eta, rest);
  return fmt::format("DDPM, variance {}{}", variance == Variance::beta ? "beta" : "beta_tilde",
                     rest);
}

Index picture_scale(Index image_size) { return std::clamp<Index>(96 / image_size, 1, 8); }

namespace {

// The network between two tensors that stay where they are, as a graph must.
struct FixedNetwork {
  FixedNetwork(const UNet& unet, const Tensor& x_like, const Tensor& t_like)
      : x(x_like.clone()), t(t_like.clone()), step(x.device(), [this, &unet] {
          const NoGrad no_grad;
          eps = unet(x, t).value();
        }) {}

  Tensor x, t, eps;
  Repeated step;
};

}  // namespace

EpsTheta eps_of(const UNet& unet) {
  check(unet.config().classes == 0, "sample",
        "the network draws {} classes by their labels, expected one without labels",
        unet.config().classes);
  return
      [&unet, fixed = std::shared_ptr<FixedNetwork>()](const Tensor& x, const Tensor& t) mutable {
        if (fixed == nullptr || fixed->x.shape() != x.shape()) {
          fixed = std::make_shared<FixedNetwork>(unet, x, t);
        }
        fixed->x.copy_(x);
        fixed->t.copy_(t);
        fixed->step();
        return fixed->eps.clone();
      };
}

EpsTheta eps_of(Model& model, const Tensor& values) {
  return [&model, values, eps = eps_of(model.unet)](const Tensor& x, const Tensor& t) {
    const nn::WithValues other(model.parameters, values);
    return eps(x, t);
  };
}

std::vector<Index> DenoisingStrip::times() const {
  std::vector<Index> times;
  for (Index i = columns_ - 1; i >= 0; --i) times.push_back(T_ * i / (columns_ - 1));
  return times;
}

void DenoisingStrip::observe(Index t, const Tensor& x) {
  const std::vector<Index> wanted = times();
  while (columns_seen_.size() < wanted.size() && t <= wanted[columns_seen_.size()]) {
    columns_seen_.push_back(x.slice(0, 0, std::min(rows_, x.size(0))).clone());
  }
}

Tensor DenoisingStrip::picture(Index scale) const {
  // (columns, rows, h, w, c) to rows of columns.
  Tensors columns;
  for (const Tensor& column : columns_seen_) columns.push_back(column.unsqueeze(1));
  const Tensor cells = concat(columns, 1);
  const Shape& s = cells.shape();
  return image_grid(cells.reshape({s[0] * s[1], s[2], s[3], s[4]}), s[1], 2, scale);
}

Tensor sample_batch(const EpsTheta& eps_theta, const Schedule& schedule, const Sampler& sampler,
                    const Shape& shape, Random& random, const Observer& observe) {
  Random same = random;
  observe(schedule.T, same.normal(shape));
  if (sampler.kind == Sampler::Kind::ddim) {
    const DdimOptions options{
        .steps = sampler.steps, .eta = sampler.eta, .clamp_x0 = sampler.clamp};
    return sample_ddim(schedule, eps_theta, shape, random, options, observe);
  }
  const AncestralOptions options{.variance = sampler.variance, .clamp_x0 = sampler.clamp};
  return sample_ddpm(schedule, eps_theta, shape, random, options, observe);
}

}  // namespace ink::apps
