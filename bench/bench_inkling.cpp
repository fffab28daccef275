// `make bench`: the machine's limits, a training and a sampling step of each preset, every kernel.
#include <fmt/format.h>
#include <omp.h>

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/support/machine.h"
#include "apps/support/program.h"
#include "apps/support/waiting.h"
#include "bench/gpu_profile.h"
#include "bench/kernels.h"
#include "bench/ops.h"
#include "bench/peak.h"
#include "bench/serve.h"
#include "bench/timer.h"
#include "bench/training_step.h"
#include "nn/summary.h"
#include "tensor/check.h"

namespace {

using namespace ink;

// The forward pass of one image, in FLOP.
double forward_flops(const UNetConfig& config) {
  nn::Parameters parameters;
  const UNet unet(nn::Scope(parameters), config);
  parameters.allocate(Random(0));
  const Tensor image = Tensor::zeros({1, config.image_size, config.image_size, config.in_channels});
  double flops = 0;
  for (const nn::LayerSummary& layer : nn::summarize(unet(image, Tensor::ones({1})), parameters)) {
    flops += layer.flops;
  }
  return flops;
}

// `peak`: what the device could do, in FLOP/s, where that is known.
void bench_steps(const std::string& preset, Index batch, int runs, Device device,
                 std::optional<double> peak) {
  const UNetConfig config = UNetConfig::preset(preset);
  const double flops = forward_flops(config);
  bench::Trainer trainer(config, batch, device);
  const auto print = [&](const char* name, Index images, double work, std::vector<double> seconds) {
    const double median = seconds[seconds.size() / 2];
    fmt::print("{:<6} {:<26} {:>8.2f} ms median {:>8.2f} ms best {:>9.1f} GFLOP/s{}\n", preset,
               fmt::format("{}, batch {}", name, images), 1e3 * median, 1e3 * seconds.front(),
               work / median / 1e9,
               peak ? fmt::format(" {:>4.0f} % of peak", 100 * work / median / *peak) : "");
  };
  // The backward pass multiplies twice as much as the forward pass.
  print("training step", batch, 3 * flops * static_cast<double>(batch),
        bench::time_runs(runs, [&] { trainer.train(); }));
  const auto print_sampling = [&](Index images) {
    print("sampling step", images, static_cast<double>(images) * flops,
          bench::time_runs(runs, [&] { trainer.sample(images); }));
  };
  print_sampling(bench::Trainer::kSampleBatch);
  if (device == Device::cpu) print_sampling(1);
  if (device == Device::cuda) {
    print("DDIM, 50 steps", 64, 50 * 64 * flops,
          bench::time_runs(runs, [&] { trainer.sample_ddim(); }));
  }
  const AllocatorStats memory = allocator_stats(device);
  fmt::print("{:<6} {:<26} {:>8.1f} MiB of tensors, {:.1f} MiB {}\n", preset, "peak memory",
             static_cast<double>(memory.peak_bytes_in_use) / 0x1p20, bench::peak_mib(device),
             device == Device::cuda ? "of the GPU's memory" : "resident");
}

double median_step(const UNetConfig& config, Index batch, int runs) {
  bench::Trainer trainer(config, batch);
  return bench::time_runs(runs, [&] { trainer.train(); })[static_cast<std::size_t>(runs / 2)];
}

// What more threads gain, and what an image costs in batches of several sizes.
void bench_scaling(const std::string& preset) {
  constexpr int runs = 5;
  const UNetConfig config = UNetConfig::preset(preset);
  const int threads = omp_get_max_threads();
  std::string costs;
  double per_image = 0;
  for (const Index batch : {32, 128, 256}) {
    const int as_many_images = runs * 256 / static_cast<int>(batch);
    per_image = median_step(config, batch, as_many_images) / static_cast<double>(batch);
    costs += fmt::format(" {:.3f} ms at {}{}", 1e3 * per_image, batch, batch < 256 ? "," : "");
  }
  fmt::print("{:<6} {:<26}{}\n", preset, "an image's training costs", costs);
  omp_set_num_threads(1);
  const double alone = median_step(config, 128, runs);
  omp_set_num_threads(threads);
  fmt::print("{:<6} {:<26} {:.2f} times as fast as one, batch 128\n", preset,
             fmt::format("{} threads", threads), alone / median_step(config, 128, runs));
}

int run(int argc, char** argv) {
  CLI::App app("Times the UNet's steps and every kernel.");
  std::string preset;
  Index batch = 128;
  int runs = 10;
  apps::MachineOptions machine;
  machine.device = "cpu";
  bool serving = false, only_steps = false, profile = false;
  app.add_option("--preset", preset,
                 "small, base or imagenet64 (default: the first two, one after the other)");
  app.add_option("--batch", batch, "images in a training step")->check(CLI::Range(1, 65536));
  app.add_option("--runs", runs, "timed runs of each step")->check(CLI::Range(1, 1000));
  app.add_flag("--steps-only", only_steps, "leave out the kernels and the ops (on a GPU they are)");
  app.add_flag("--profile", profile, "on a GPU: the kernels of a training step, with their times");
  app.add_flag("--serve", serving, "perform single steps on request (for compare_torch.py)");
  apps::add_machine_options(app, machine, "Machine");
  CLI11_PARSE(app, argc, argv);
  apps::check_machine_options(machine);
  const Device device = apps::set_up(machine);

  if (serving) {
    bench::Trainer trainer(UNetConfig::preset(preset.empty() ? "small" : preset), batch, device);
    bench::serve(trainer);
    return 0;
  }
  const std::vector<std::string> both = {"small", "base"};
  const std::vector<std::string> presets = preset.empty() ? both : std::vector{preset};
  if (device == Device::cuda) {
    fmt::print("{}\n\n", apps::describe_device(device));
    for (const std::string& name : presets) {
      bench_steps(name, batch, runs, device, {});
      if (profile) bench::print_gpu_profile(UNetConfig::preset(name), batch);
    }
    return 0;
  }
  check(!profile, "bench_inkling", "--profile needs --device cuda, given cpu");
  const double peak = bench::fma_peak(), bandwidth = bench::memory_bandwidth();
  fmt::print("{} threads: FMA peak {:.1f} GFLOP/s, memory {:.1f} GB/s, a shared loop {:.2f} us",
             omp_get_max_threads(), peak / 1e9, bandwidth / 1e9, 1e6 * bench::sharing_overhead());
  if (const auto bf16 = bench::bf16_peak()) fmt::print("; bf16 {:.1f} GFLOP/s", *bf16 / 1e9);
  fmt::print("\n\n");
  for (const std::string& name : presets) bench_steps(name, batch, runs, device, peak);
  if (!only_steps) {
    fmt::print("\n");
    for (const std::string& name : presets) bench_scaling(name);
    fmt::print("\n");
    bench::bench_kernels(peak, bandwidth);
    fmt::print("\n");
    bench::bench_ops();
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  ink::apps::sleep_while_waiting(argv);
  try {
    return run(argc, argv);
  } catch (const ink::Error& error) {
    fmt::print(stderr, "bench_inkling: {}\n", error.what());
    return 1;
  }
}
