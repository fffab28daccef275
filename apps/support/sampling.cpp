#include "apps/support/sampling.h"

#include <algorithm>

#include "io/image.h"
#include "tensor/check.h"
#include "tensor/ops.h"

namespace ink::apps {
namespace {

constexpr Index kBatch = 64;

}  // namespace

std::string Sampler::to_string() const {
  const char* const clamped = clamp ? ", x0 clamped" : "";
  if (kind == Kind::ddim) return fmt::format("DDIM, {} steps, eta {:g}{}", steps, eta, clamped);
  return fmt::format("DDPM, variance {}{}", variance == Variance::beta ? "beta" : "beta_tilde",
                     clamped);
}

EpsTheta eps_of(const UNet& unet) {
  return [&unet](const Tensor& x, const Tensor& t) {
    const NoGrad no_grad;
    return unet(x, t).value();
  };
}

void DenoisingStrip::observe(Index t, const Tensor& x) {
  const auto next = [this] {
    const auto column = static_cast<Index>(columns_seen_.size());
    return column < columns_ ? T_ * (columns_ - 1 - column) / (columns_ - 1) : -1;
  };
  while (t <= next()) columns_seen_.push_back(x.slice(0, 0, std::min(rows_, x.size(0))).clone());
}

Tensor DenoisingStrip::picture(Index scale) const {
  // (columns, rows, h, w, c) to rows of columns.
  Tensors columns;
  for (const Tensor& column : columns_seen_) columns.push_back(column.unsqueeze(1));
  const Tensor cells = concat(columns, 1);
  const Shape& s = cells.shape();
  return image_grid(cells.reshape({s[0] * s[1], s[2], s[3], s[4]}), s[1], 2, scale);
}

Tensor sample_images(const Model& model, const Schedule& schedule, const Sampler& sampler,
                     Index count, const Random& random, const SamplingObserver& observe) {
  const UNetConfig& config = model.unet.config();
  check(config.classes == 0, "sample", "the network wants one of {} classes, expected one without",
        config.classes);
  Tensors batches;
  for (Index first = 0; first < count; first += kBatch) {
    const Index batch = first / kBatch;
    const Shape shape{std::min(kBatch, count - first), config.image_size, config.image_size,
                      config.in_channels};
    Random of_batch = random.fork(static_cast<std::uint64_t>(batch));
    Observer each;
    if (observe) {
      each = [&](Index t, const Tensor& x) { observe(batch, t, x); };
      // x_T is the sampler's first draw.
      Random same = of_batch;
      observe(batch, schedule.T, same.normal(shape));
    }
    batches.push_back(
        sampler.kind == Sampler::Kind::ddpm
            ? sample_ddpm(schedule, eps_of(model.unet), shape, of_batch,
                          {.variance = sampler.variance, .clamp_x0 = sampler.clamp}, each)
            : sample_ddim(schedule, eps_of(model.unet), shape, of_batch,
                          {.steps = sampler.steps, .eta = sampler.eta, .clamp_x0 = sampler.clamp},
                          each));
  }
  return concat(batches, 0);
}

}  // namespace ink::apps
