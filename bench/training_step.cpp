#include "bench/training_step.h"

#include "apps/support/sampling.h"
#include "io/safetensors.h"
#include "nn/checkpoint.h"

namespace ink::bench {
namespace {

Tensor random_images(Random& random, const UNetConfig& config, Index batch) {
  return random.uniform({batch, config.image_size, config.image_size, config.in_channels}, -1, 1);
}

// The parameters must have values before the optimiser and the average are made.
nn::Parameters& allocated(nn::Parameters& parameters, Device device) {
  parameters.allocate(Random(0), device);
  return parameters;
}

}  // namespace

void wait_for(const Tensor& x) { x.reshape({x.count()}).slice(0, 0, 1).item(); }

Trainer::Trainer(const UNetConfig& config, Index batch, Device device)
    : unet_(nn::Scope(parameters_), config),
      random_(1, device),
      images_(random_images(random_, config, batch)),
      optimizer_(allocated(parameters_, device),
                 {.weight_decay = Real(0.01), .max_gradient_norm = 1}),
      ema_(parameters_, Real(0.999)),
      step_(device, [this] { one_step(); }),
      eps_(apps::eps_of(unet_)) {}

Network Trainer::network() const {
  return [this](const Tensor& x, const Tensor& t) { return unet_(x, t); };
}

void Trainer::one_step() {
  parameters_.zero_gradients();
  const Variable loss = simple_loss(network(), add_noise(schedule_, images_, random_));
  loss.backward();
  optimizer_.step(rate_, ema_);
  loss_ = loss.value();
}

Real Trainer::train() {
  step_();
  return loss_.item();
}

Shape Trainer::sample_shape(Index images) const {
  return {images, images_.size(1), images_.size(2), images_.size(3)};
}

void Trainer::sample(Index images) {
  wait_for(eps_(random_.normal(sample_shape(images)), Tensor::full({images}, 500, device())));
}

void Trainer::sample_ddim() {
  wait_for(ink::sample_ddim(schedule_, eps_, sample_shape(kSampleBatch), random_, {.steps = 50}));
}

void Trainer::load(const std::string& path) {
  nn::load_parameters(read_safetensors(path), parameters_, parameters_.values());
}

Real Trainer::loss(const std::string& path) {
  const NoGrad no_grad;
  const NamedTensors given = read_safetensors(path);
  const Tensor x0 = given.at("x0").permute({0, 2, 3, 1}).to(device());
  const Tensor eps = given.at("eps").permute({0, 2, 3, 1}).to(device());
  const Tensor t = given.at("t").to(device());
  return simple_loss(network(), {t, eps, q_sample(schedule_, x0, t, eps)}).item();
}

}  // namespace ink::bench
