// Whole runs on CUDA against the CPU: training steps and samplers, from the same seed.
#include <algorithm>

#include "autograd/ops.h"
#include "diffusion/loss.h"
#include "diffusion/samplers.h"
#include "nn/optim/adamw.h"
#include "nn/optim/ema.h"
#include "tensor/graph.h"
#include "tests/support/close.h"
#include "tests/support/precision.h"
#include "tests/support/schedules.h"
#include "tests/support/tiny_unet.h"

namespace ink::test {
namespace {

constexpr Index kBatch = 2, kSize = 8, kSteps = 20;

// What rounding may do to a number that is made of as many terms as a batch has pixels, relative to
// the largest of its kind.
const double kRounding = 4 * kEpsilonOfReal * std::sqrt(double{kBatch * kSize * kSize});

UNetConfig small_config() {
  UNetConfig config;
  config.image_size = kSize;
  config.block_channels = {4, 8};
  config.layers_per_block = 1;
  config.attention = {false, true};
  config.groups = 2;
  config.head_size = 4;
  return config;
}

// x with normal noise of this size, relative to its largest element; x itself for 0.
Tensor disturbed(const Tensor& x, double size, Random& random) {
  if (size == 0) return x;
  const auto scale = static_cast<Real>(size * static_cast<double>(max(map(Abs{}, x)).item()));
  return x + random.normal(x.shape(), 0, scale);
}

// What twenty steps of training end with, on the CPU: losses, parameters, moments, average.
struct Run {
  Tensor losses;
  Tensor state;
};

// Trains on a device. On the CPU every gradient may be disturbed by `noise`, drawn with `seed`:
// what becomes of such errors is what becomes of any that are as large.
Run train(Device device, double noise = 0, std::uint64_t seed = 0) {
  nn::Parameters parameters;
  const UNet unet(nn::Scope(parameters), small_config());
  parameters.allocate(Random(1, device), device);
  // An epsilon that keeps a gradient which is nothing but rounding from becoming a full step.
  nn::AdamW optimizer(parameters, {.epsilon = Real(1e-3), .max_gradient_norm = 1});
  nn::Ema ema(parameters, Real(0.999));
  const Schedule schedule = Schedule::linear();
  Random random(5, device), disturbance(seed);
  const nn::LearningRate rate{Real(2e-3)};
  Tensor last_loss;
  Repeated step(device, [&] {
    parameters.zero_gradients();
    const Tensor x0 = random.normal({kBatch, kSize, kSize, 1}, 0, Real(0.5));
    const Variable loss =
        simple_loss([&](const Tensor& x_t, const Tensor& t) { return unet(x_t, t); },
                    add_noise(schedule, x0, random));
    loss.backward();
    if (noise > 0) {
      const std::vector<Real> noisy =
          disturbed(parameters.gradients(), noise, disturbance).to_vector();
      std::copy(noisy.begin(), noisy.end(), parameters.gradients().mutable_data());
    }
    optimizer.step(rate, ema);
    last_loss = loss.value();
  });

  std::vector<Real> losses;
  for (Index i = 0; i < kSteps; ++i) {
    step();
    losses.push_back(last_loss.item());
  }
  const Tensor state = concat(
      Tensors{parameters.values(), optimizer.moment1(), optimizer.moment2(), ema.average()}, 0);
  return {Tensor::from(losses, {kSteps}), state.to(Device::cpu)};
}

// The largest error that some disturbed runs show.
template <class F>
double error_of_disturbed_runs(const Tensor& undisturbed, const F& disturbed_run) {
  double largest = 0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    largest = std::max(largest, relative_error(disturbed_run(seed), undisturbed));
  }
  return largest;
}

}  // namespace

TEST_CASE("devices: twenty training steps agree, and give the same bits each time") {
  if constexpr (kCuda) {
    const WithPrecision exact(cuda::Precision::exact);
    const Run cpu = train(Device::cpu), cuda = train(Device::cuda);
    CHECK(all_finite(cuda.state));
    std::vector<Run> runs;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      runs.push_back(train(Device::cpu, kRounding, seed));
    }
    const auto allowed = [&](Tensor Run::*part) {
      return 2 * error_of_disturbed_runs(cpu.*part,
                                         [&](std::uint64_t seed) { return runs[seed - 1].*part; });
    };
    check_close(cuda.losses, cpu.losses, allowed(&Run::losses), "losses");
    check_close(cuda.state, cpu.state, allowed(&Run::state), "state");
    CHECK(allowed(&Run::state) < 1e-2);

    use_graphs(false);
    const Run eager = train(Device::cuda);
    use_graphs(true);
    CHECK(equal(eager.state, cuda.state));
    CHECK(equal(eager.losses, cuda.losses));
  }
}

TEST_CASE("devices: training with products of tf32 and bf16 ends near the exact run") {
  if constexpr (kCuda) {
    const Run cpu = train(Device::cpu);
    for (const auto& [precision, unit] :
         {std::pair(cuda::Precision::tf32, 0x1p-11), std::pair(cuda::Precision::bf16, 0x1p-8)}) {
      const WithPrecision rounded(precision);
      const Run cuda = train(Device::cuda);
      // Two factors are rounded, each by half a unit at most, in each of the layers that a gradient
      // passes: about ten, forward and back.
      const double noise = sizeof(Real) == sizeof(double) ? kRounding : 2 * 10 * unit / 2;
      const double allowed = 2 * error_of_disturbed_runs(cpu.losses, [&](std::uint64_t seed) {
                               return train(Device::cpu, noise, seed).losses;
                             });
      check_close(cuda.losses, cpu.losses, allowed, "losses");
    }
  }
}

TEST_CASE("devices: samplers walk the same way") {
  if constexpr (kCuda) {
    const WithPrecision exact(cuda::Precision::exact);
    const Schedule schedule = Schedule::linear(20);
    const Shape shape{3, kSize, kSize, 1};
    // eps(x, t) of data N(0.3, 0.25): it has no weights, so that only the sampler is compared.
    const auto eps_on = [&](double noise, Random& random) {
      return [&, noise](const Tensor& x, const Tensor& t) {
        const auto time = static_cast<std::size_t>(t.to_vector()[0]);
        const double a = schedule.alpha_bar[time];
        const auto factor = static_cast<Real>(std::sqrt(1 - a) / (1 - a + 0.25 * a));
        return disturbed((x - static_cast<Real>(0.3 * std::sqrt(a))) * factor, noise, random);
      };
    };
    const auto ddpm = [&](Device device, double noise, std::uint64_t seed) {
      Random random(3, device), disturbance(seed);
      return sample_ddpm(schedule, eps_on(noise, disturbance), shape, random).to(Device::cpu);
    };
    const auto ddim = [&](Device device, double noise, std::uint64_t seed) {
      Random random(4, device), disturbance(seed);
      return sample_ddim(schedule, eps_on(noise, disturbance), shape, random,
                         {.steps = 7, .eta = 0.5, .clamp_x0 = true})
          .to(Device::cpu);
    };
    const auto check_sampler = [&](const auto& sample, const char* name) {
      const Tensor cpu = sample(Device::cpu, 0, 0);
      const double allowed = 2 * error_of_disturbed_runs(cpu, [&](std::uint64_t seed) {
                               return sample(Device::cpu, 4 * kEpsilonOfReal, seed);
                             });
      const Tensor cuda = sample(Device::cuda, 0, 0);
      check_close(cuda, cpu, allowed, name);
      for_each_schedule([&] { CHECK(equal(sample(Device::cuda, 0, 0), cuda)); });
    };
    check_sampler(ddpm, "DDPM");
    check_sampler(ddim, "DDIM");
  }
}

}  // namespace ink::test
