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
#include "tensor/check.h"

namespace ink::apps {
namespace {

constexpr Index kBatch = 64;

// By how much the network is guided.
double guidance(const SampleOptions& options, const std::string& checkpoint, bool has_guide) {
  const double weight = options.guidance.value_or(has_guide ? kGuidance : 1);
  check(has_guide || weight == 1, "--guidance", "{} holds no guide, expected 1, got {:g}",
        checkpoint, weight);
  return weight;
}

int sample(const SampleOptions& options) {
  const Device device = set_up(options.machine);
  const std::string checkpoint = options.checkpoint.value_or(latest_run().string());
  const auto model = load_model(checkpoint, device), guide = load_guide(checkpoint, device);
  Sampler sampler = options.sampler;
  sampler.guidance = guidance(options, checkpoint, guide != nullptr);
  EpsTheta eps_theta = eps_of(model->unet);
  if (sampler.guidance != 1) eps_theta = guided(eps_theta, eps_of(guide->unet), sampler.guidance);

  const UNetConfig& config = model->unet.config();
  SamplesFolder folder(options.out, options.count);
  fmt::print("{} on {}\n{}\n", describe_machine(), describe_device(device), sampler.to_string());

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
    folder.add(sample_batch(eps_theta, schedule, sampler, shape, of_batch, observe));
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
