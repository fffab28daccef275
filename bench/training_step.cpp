#include "bench/training_step.h"

#include "io/safetensors.h"
#include "nn/checkpoint.h"
#include "tensor/check.h"

namespace ink::bench {
namespace {

constexpr Index kSampleBatch = 64;

Tensor random_images(Random& random, const UNetConfig& config, Index batch) {
  return random.uniform({batch, config.image_size, config.image_size, config.in_channels}, -1, 1);
}

// The parameters must have values before the optimiser and the average are made.
nn::Parameters& allocated(nn::Parameters& parameters) {
  parameters.allocate(Random(0));
  return parameters;
}

}  // namespace

Trainer::Trainer(const UNetConfig& config, Index batch)
    : unet_(nn::Scope(parameters_), config),
      images_(random_images(random_, config, batch)),
      optimizer_(allocated(parameters_), {.weight_decay = Real(0.01), .max_gradient_norm = 1}),
      ema_(parameters_, Real(0.999)) {}

Network Trainer::network() const {
  return [this](const Tensor& x, const Tensor& t) { return unet_(x, t); };
}

Real Trainer::train() {
  const Variable loss = simple_loss(network(), add_noise(schedule_, images_, random_));
  parameters_.zero_gradients();
  loss.backward();
  optimizer_.step(rate_, ema_);
  return loss.item();
}

void Trainer::sample() {
  const NoGrad no_grad;
  const Tensor x =
      random_.normal({kSampleBatch, images_.size(1), images_.size(2), images_.size(3)});
  unet_(x, Tensor::full({kSampleBatch}, 500));
}

void Trainer::load(const std::string& path) {
  nn::load_parameters(read_safetensors(path), parameters_, parameters_.values());
}

Real Trainer::loss(const std::string& path) {
  const NoGrad no_grad;
  const NamedTensors given = read_safetensors(path);
  const Tensor x0 = given.at("x0").permute({0, 2, 3, 1});
  const Tensor eps = given.at("eps").permute({0, 2, 3, 1});
  const Tensor& t = given.at("t");
  return simple_loss(network(), {t, eps, q_sample(schedule_, x0, t, eps)}).item();
}

}  // namespace ink::bench
