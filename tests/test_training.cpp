// Training steps of whole UNets: five of them against PyTorch, then what every step must keep.
#include "autograd/ops.h"
#include "diffusion/loss.h"
#include "nn/optim/adamw.h"
#include "nn/optim/ema.h"
#include "tensor/cpu/scratch.h"
#include "tests/support/close.h"
#include "tests/support/reference.h"
#include "tests/support/tiny_unet.h"

namespace ink::test {
namespace {

UNetConfig training_config() {
  UNetConfig config = tiny_config();
  config.image_size = 8;
  config.block_channels = {8, 16};
  config.attention = {false, true};
  return config;
}

// A model in training on batches of its own random stream.
struct Training {
  explicit Training(const UNetConfig& config) : model(config) {}

  Real step(const NoisedBatch& batch) {
    model.parameters.zero_gradients();
    const Variable loss = simple_loss(
        [this](const Tensor& x_t, const Tensor& t) { return model.unet(x_t, t); }, batch);
    loss.backward();
    optimizer.step(Real(2e-3));
    ema.update();
    return loss.item();
  }
  NoisedBatch next_batch() {
    const Index size = model.unet.config().image_size;
    return add_noise(schedule, random.normal({8, size, size, 1}, 0, Real(0.5)), random);
  }

  Schedule schedule = Schedule::linear();
  Model model;
  nn::AdamW optimizer{model.parameters, {.max_gradient_norm = 1}};
  nn::Ema ema{model.parameters, Real(0.999)};
  Random random{5};
};

}  // namespace

TEST_CASE("torch: five training steps: loss, norm, parameters and their average") {
  const Reference reference("training");
  Model model(tiny_config());
  Reference("unet").load_into(model.parameters);
  const Schedule schedule = Schedule::linear();
  const auto number = [&](const char* name) { return static_cast<Real>(reference.number(name)); };
  nn::AdamW optimizer(model.parameters, {.weight_decay = number("weight_decay"),
                                         .max_gradient_norm = number("max_norm")});
  Tensor average = model.parameters.values().clone();
  for (Index k = 0; k < 5; ++k) {
    const auto of_step = [&](const char* name) {
      return reference.stored(name).slice(0, k, k + 1).squeeze(0);
    };
    const auto image = [&](const char* name) { return of_step(name).permute({0, 2, 3, 1}); };
    const Tensor t = of_step("t"), eps = image("eps").contiguous();
    const NoisedBatch batch{t, eps, q_sample(schedule, image("x0").contiguous(), t, eps)};
    model.parameters.zero_gradients();
    // Their network was shown the number t itself, which is what ours makes of t + 1.
    const Variable loss = simple_loss(
        [&](const Tensor& x_t, const Tensor& time) { return model.unet(x_t, time + Real(1)); },
        batch);
    loss.backward();
    const double norm = static_cast<double>(optimizer.step(number("lr")).item());
    const auto decay = of_step("ema_decay").item();
    average = average * decay + model.parameters.values() * (1 - decay);
    CAPTURE(k);
    const double expected_loss = static_cast<double>(of_step("loss").item());
    const double expected_norm = static_cast<double>(of_step("norm").item());
    check_near(loss.item(), expected_loss, kAgainstTorch * expected_loss, "loss");
    check_near(norm, expected_norm, kAgainstTorch * expected_norm, "norm");
  }
  for (const char* name : {"conv_in.weight", "mid_block.attentions.0.to_v.weight",
                           "time_embedding.linear_1.weight", "conv_out.bias"}) {
    const nn::Parameter& parameter = model.parameters.find(name);
    const Reference final_values("training", "final"), final_average("training", "final_ema");
    check_close(parameter.variable().value(), final_values.at(name), kAgainstTorch, name);
    check_close(nn::Parameters::view(average, parameter), final_average.at(name), kAgainstTorch,
                std::string("average of ") + name);
  }
}

// ---- the loss --------------------------------------------------------------------------------

TEST_CASE("add_noise: t is uniform on 1..T, eps is normal, x_t is q_sample of both") {
  const Schedule schedule = Schedule::linear(10);
  Random random(1);
  const Index n = 20'000;
  const Tensor x0 = random.normal({n, 2});
  const NoisedBatch batch = add_noise(schedule, x0, random);
  std::vector<double> counts(11, 0);
  for (const Real t : batch.t.to_vector()) counts.at(static_cast<std::size_t>(t)) += 1;
  CHECK(counts[0] == 0);
  for (std::size_t t = 1; t <= 10; ++t) {
    check_near(counts[t] / n, 0.1, 5 * std::sqrt(0.1 * 0.9 / n), "share of a time");
  }
  check_normal(batch.eps, 0, 1);
  CHECK(equal(batch.x_t, q_sample(schedule, x0, batch.t, batch.eps)));
}

TEST_CASE("simple loss (DDPM.21): the mean squared error of the predicted noise") {
  const Schedule schedule = Schedule::linear();
  Random random(2);
  const NoisedBatch batch = add_noise(schedule, random.normal({4, 3, 3, 1}), random);
  const auto loss_of = [&](const Tensor& prediction) {
    return simple_loss(
        [&](const Tensor& x_t, const Tensor& t) {
          CHECK(equal(x_t, batch.x_t));
          CHECK(equal(t, batch.t));
          return Variable(prediction);
        },
        batch);
  };
  CHECK(loss_of(batch.eps).item() == 0);
  CHECK(loss_of(batch.eps + Real(2)).item() == doctest::Approx(4).epsilon(1e-5));
  CHECK(loss_of(Tensor::zeros(batch.eps.shape())).shape() == Shape{});
}

// ---- every step ------------------------------------------------------------------------------

TEST_CASE("training: thirty steps on one batch lower its loss") {
  Training training(training_config());
  const NoisedBatch batch = training.next_batch();
  const Real first = training.step(batch);
  const Moments eps = moments(batch.eps);
  // The first prediction is zero: the loss is the mean of eps^2.
  check_near(first, eps.variance + eps.mean * eps.mean, 1e-5, "first loss");
  Real last = first;
  for (int i = 1; i < 30; ++i) last = training.step(batch);
  CHECK(last < first / 2);
}

TEST_CASE("training: after the first step no allocation reaches the system") {
  const auto of_tensors = [] { return allocator_stats(Device::cpu).system_allocations; };
  for (const int threads : {1, 2, 3}) {
    const ThreadCount count(threads);
    Training training(training_config());
    training.step(training.next_batch());
    const auto before = of_tensors(), scratch = cpu::scratch_system_allocations();
    for (int i = 0; i < 4; ++i) training.step(training.next_batch());
    CHECK(of_tensors() == before);
    CHECK(cpu::scratch_system_allocations() == scratch);
  }
}

TEST_CASE("training: 1, 2 and 3 threads give the same bits") {
  const auto run = [](int threads, const UNetConfig& config, int steps) {
    const ThreadCount count(threads);
    Training training(config);
    for (int i = 0; i < steps; ++i) training.step(training.next_batch());
    return concat(Tensors{training.model.parameters.values(), training.optimizer.moment1(),
                          training.optimizer.moment2(), training.ema.average()},
                  0);
  };
  // At the start only the last layer learns; the preset's second step is the first whole one.
  for (const auto& [config, steps] : {std::pair(training_config(), 5), {UNetConfig::small(), 2}}) {
    const Tensor one = run(1, config, steps);
    CHECK(all_finite(one));
    CHECK(equal(run(2, config, steps), one));
    CHECK(equal(run(3, config, steps), one));
  }
}

TEST_CASE("training: backward gives saved tensors back as it goes") {
  Training training(training_config());
  const NoisedBatch batch = training.next_batch();
  training.step(batch);
  const auto in_use = [] { return allocator_stats(Device::cpu).bytes_in_use; };
  const std::int64_t before = in_use();
  const Variable loss = simple_loss(
      [&](const Tensor& x_t, const Tensor& t) { return training.model.unet(x_t, t); }, batch);
  const std::int64_t tape = in_use() - before;

  reset_peak_bytes(Device::cpu);
  loss.backward();
  const std::int64_t peak = allocator_stats(Device::cpu).peak_bytes_in_use - before;
  const std::int64_t left = in_use() - before;
  CAPTURE(tape);
  // At its peak backward holds the tape and a few gradients of the largest activations, 8 x 8 x 8
  // x 24 numbers; kept to the end, the gradients would double the tape.
  const auto activation = static_cast<std::int64_t>(8 * 8 * 8 * 24 * sizeof(Real));
  CHECK(tape > 12 * activation);
  CHECK(peak < tape + 6 * activation);
  CHECK(left < activation / 10);  // the loss is still there, its tape is not
}

TEST_CASE("training: without gradients a forward pass keeps nothing") {
  Training training(training_config());
  const NoisedBatch batch = training.next_batch();
  training.step(batch);
  const NoGrad no_grad;
  const std::int64_t before = allocator_stats(Device::cpu).bytes_in_use;
  const Variable y = training.model.unet(batch.x_t, batch.t);
  CHECK_FALSE(y.requires_grad());
  const auto result = static_cast<std::int64_t>(static_cast<std::size_t>(y.count()) * sizeof(Real));
  CHECK(allocator_stats(Device::cpu).bytes_in_use - before <= 2 * result);
}

}  // namespace ink::test
