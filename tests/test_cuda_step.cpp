// Steps that are repeated as graphs: the same bits as without, and what they must refuse.
#include <doctest/doctest.h>

#include "autograd/ops.h"
#include "diffusion/loss.h"
#include "nn/optim/adamw.h"
#include "tensor/graph.h"
#include "tensor/ops.h"
#include "tensor/readback.h"
#include "tests/support/tiny_unet.h"

using namespace ink;
using namespace ink::test;

namespace {

// Whether steps become graphs, for as long as one lives.
class Graphs {
 public:
  explicit Graphs(bool use) { use_graphs(use); }
  ~Graphs() { use_graphs(true); }
  Graphs(const Graphs&) = delete;
  Graphs& operator=(const Graphs&) = delete;
};

UNetConfig small_config() {
  UNetConfig config = tiny_config();
  config.image_size = 4;
  config.block_channels = {4, 8};
  config.attention = {false, true};
  config.layers_per_block = 1;
  return config;
}

// A model in training, each step on a batch of its own: images that the host chooses, times and
// noise that the device draws, a learning rate that changes.
struct Training {
  explicit Training(Device where)
      : device(where), images(Random(3).normal({6, 4, 4, 1}, 0, Real(0.5)).to(where)) {
    parameters.allocate(Random(1), where);
    optimizer.emplace(parameters, nn::AdamWOptions{.max_gradient_norm = Real(0.5)});
    ema.emplace(parameters, Real(0.9));
  }

  void step() {
    parameters.zero_gradients();
    const Tensor index = varying_tensor({2}, device, [this](Real* to) {
      to[0] = static_cast<Real>(count % 6);
      to[1] = static_cast<Real>((5 * count + 1) % 6);
      ++count;
    });
    const NoisedBatch batch = add_noise(schedule, gather(images, index), noise);
    const Variable value =
        simple_loss([this](const Tensor& x_t, const Tensor& t) { return unet(x_t, t); }, batch);
    value.backward();
    norm = optimizer->step(rate, *ema);
    loss = value.value();
  }

  Device device;
  Schedule schedule = Schedule::linear();
  nn::Parameters parameters;
  UNet unet{nn::Scope(parameters), small_config()};
  Tensor images;
  std::optional<nn::AdamW> optimizer;
  std::optional<nn::Ema> ema;
  nn::LearningRate rate{.peak = Real(2e-3), .warmup = 3, .decay_start = 4, .total = 12};
  Random noise{5, Device::cuda};
  int count = 0;
  Tensor loss, norm;
};

// What ten steps leave behind, and every loss.
struct Outcome {
  Tensor values, average, moment2;
  std::vector<Real> losses, norms;
  std::uint64_t position;
};

Outcome trained(bool graph) {
  const Graphs graphs(graph);
  Training training(Device::cuda);
  Repeated step(Device::cuda, [&] { training.step(); });
  Outcome outcome;
  Readback losses, norms;
  for (int i = 0; i < 8; ++i) {
    step();
    losses.request(training.loss);
    norms.request(training.norm);
    // Other work between two steps must not disturb the graph's memory.
    const Tensor other = Random(9, Device::cuda).normal({500});
    CHECK(all_finite(other + other));
  }
  CHECK(step.is_recorded() == graph);
  while (losses.pending() > 0) outcome.losses.push_back(losses.take()[0]);
  while (norms.pending() > 0) outcome.norms.push_back(norms.take()[0]);
  outcome.values = training.parameters.values().to(Device::cpu);
  outcome.average = training.ema->average().to(Device::cpu);
  outcome.moment2 = training.optimizer->moment2().to(Device::cpu);
  outcome.position = training.noise.position();
  CHECK(training.optimizer->steps() == 8);
  CHECK(training.count == 8);
  return outcome;
}

}  // namespace

TEST_SUITE("cuda step") {
  TEST_CASE("a training step as a graph gives the bits of one that is launched kernel by kernel") {
    const Outcome plain = trained(false), graph = trained(true);
    CHECK(graph.losses == plain.losses);
    CHECK(graph.norms == plain.norms);
    CHECK(graph.position == plain.position);
    CHECK(equal(graph.values, plain.values));
    CHECK(equal(graph.average, plain.average));
    CHECK(equal(graph.moment2, plain.moment2));
    // Every step saw other images, times and noise.
    for (std::size_t i = 1; i < graph.losses.size(); ++i) {
      CHECK(graph.losses[i] != graph.losses[i - 1]);
    }
  }

  TEST_CASE("varying values are asked for once a step, in order") {
    std::vector<int> asked;
    int number = 0;
    Tensor sum = Tensor::zeros({1}, Device::cuda);
    Repeated step(Device::cuda, [&] {
      const Tensor a = varying_tensor({1}, Device::cuda, [&](Real* to) {
        asked.push_back(1);
        *to = static_cast<Real>(++number);
      });
      const Tensor b = varying_tensor({1}, Device::cuda, [&](Real* to) {
        asked.push_back(2);
        *to = 100;
      });
      add_(sum, a + b);
    });
    for (int i = 0; i < 6; ++i) step();
    CHECK(asked == std::vector<int>{1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2});
    CHECK(sum.item() == 1 + 2 + 3 + 4 + 5 + 6 + 600);
  }

  TEST_CASE("a step that looks at values on the device, or bakes in the host's, is refused") {
    const Tensor x = Tensor::ones({2}, Device::cuda);
    const auto refuse = [](const std::function<void()>& body, const char* message) {
      Repeated step(Device::cuda, body);
      step();
      step();
      CHECK_THROWS_WITH_AS(step(), message, Error);
    };
    refuse([&] { sum(x).item(); },
           "[to_vector] a step that is recorded as a graph cannot wait for the host: read the "
           "values after the step");
    refuse(
        [&] {
          Tensor::from({1, 2}, {2}).to(Device::cuda);
        },
        "[to] a step that is recorded as a graph cannot wait for the host: give it the "
        "values through varying_tensor()");
    // The device goes on as if nothing had been.
    CHECK(sum(x).item() == 2);
  }

  TEST_CASE("the memory of a graph is its own, and comes back when the graph ends") {
    release_cached_memory(Device::cuda);
    const std::int64_t in_use = allocator_stats(Device::cuda).bytes_in_use;
    Tensor kept;
    {
      Repeated step(Device::cuda, [&] {
        const Tensor x = Tensor::ones({1000}, Device::cuda);
        kept = x + x;
      });
      for (int i = 0; i < 4; ++i) step();
      // What the graph wrote is not handed to others, though x is free.
      for (int i = 0; i < 8; ++i) {
        const Tensor other = Tensor::full({1000}, 7, Device::cuda);
        step();
        CHECK(sum(other).item() == 7000);
        CHECK(sum(kept).item() == 2000);
      }
    }
    kept = Tensor();
    CHECK(allocator_stats(Device::cuda).bytes_in_use == in_use);
    release_cached_memory(Device::cuda);
    CHECK(allocator_stats(Device::cuda).bytes_reserved ==
          allocator_stats(Device::cuda).bytes_in_use);
  }

  TEST_CASE("on the CPU a step runs as it is, and its values are there at once") {
    int runs = 0;
    Tensor x;
    Repeated step(Device::cpu, [&] {
      x = varying_tensor({1}, Device::cpu, [&](Real* to) { *to = static_cast<Real>(++runs); });
    });
    Readback readback;
    for (int i = 0; i < 5; ++i) {
      step();
      readback.request(x);
    }
    CHECK(runs == 5);
    CHECK_FALSE(step.is_recorded());
    for (int i = 1; i <= 5; ++i) CHECK(readback.take() == std::vector<Real>{static_cast<Real>(i)});
  }
}
