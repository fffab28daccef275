// Draws pictures with a trained network: Algorithm 2 of Ho, Jain & Abbeel, "Denoising Diffusion
// Probabilistic Models", 2020, or DDIM.
#include <algorithm>

#include "apps/support/checkpoint.h"
#include "apps/support/machine.h"
#include "apps/support/program.h"
#include "apps/support/progress_line.h"
#include "apps/support/run_folder.h"
#include "apps/support/sample_options.h"
#include "apps/support/samples_folder.h"
#include "apps/support/streams.h"
#include "apps/support/waiting.h"

namespace ink::apps {
namespace {

constexpr Index kBatch = 64;

int sample(const SampleOptions& options) {
  const Device device = set_up(options.machine);
  const auto model = load_model(options.checkpoint.value_or(latest_run().string()), device);
  const UNetConfig& config = model->unet.config();
  SamplesFolder folder(options.out, options.count);
  fmt::print("{} on {}\n{}\n", describe_machine(), describe_device(device),
             options.sampler.to_string());

  const Schedule schedule = Schedule::linear();
  const Random random = stream(options.seed, Stream::sampling, device);
  DenoisingStrip strip(schedule.T, 8);
  ProgressLine progress;

  for (Index first = 0; first < options.count; first += kBatch) {
    const Index n = std::min(kBatch, options.count - first);
    const Shape shape{n, config.image_size, config.image_size, config.in_channels};
    Random of_batch = random.fork(static_cast<std::uint64_t>(first / kBatch));
    const auto observe = [&](Index t, const Tensor& x_t) {
      if (first == 0) strip.observe(t, x_t);
      if (progress.due()) {
        progress.show(fmt::format("pictures {} to {} of {} · t = {}", first + 1, first + n,
                                  options.count, t));
      }
    };
    folder.add(sample_batch(model->unet, schedule, options.sampler, shape, of_batch, observe));
  }
  folder.save_grid();
  folder.save_strip(strip.picture(picture_scale(config.image_size)));
  progress.print(fmt::format("{} pictures, grid.png and strip.png in {}", options.count,
                             folder.path().string()));
  return 0;
}

}  // namespace
}  // namespace ink::apps

int main(int argc, char** argv) {
  using namespace ink::apps;
  sleep_while_waiting(argv);
  return run_program("sample", [&] {
    const auto options = parse_sample_options(argc, argv);
    return options ? sample(*options) : 0;
  });
}
