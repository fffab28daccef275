#include "apps/support/run_report.h"

#include <fmt/ranges.h>

#include <filesystem>

#include "apps/support/machine.h"
#include "apps/support/report.h"
#include "apps/support/sampling.h"
#include "apps/support/text.h"
#include "io/file.h"

namespace ink::apps {
namespace {

namespace fs = std::filesystem;

// Their bytes as they lie on the disk; a picture that somebody has removed is left out.
std::vector<ReportPicture> grids_of(const RunFolder& folder, const TrainingState& state) {
  std::vector<ReportPicture> pictures;
  std::error_code error;
  for (const Frame& frame : state.frames) {
    const fs::path path = folder.grids() / frame.file;
    if (!fs::exists(path, error)) continue;
    pictures.push_back(
        {fmt::format("step {} · {}", with_commas(frame.step), duration(frame.seconds)),
         read_file(path)});
  }
  return pictures;
}

ReportPicture strip_of(const RunFolder& folder, const TrainingState& state) {
  std::error_code error;
  if (state.frames.empty() || !fs::exists(folder.strip(), error)) return {};
  return {fmt::format("Some of the samples on their way from t = 1000, pure noise, to t = 0 ({}).",
                      state.frames.back().sampler),
          read_file(folder.strip())};
}

std::vector<std::pair<std::string, std::string>> configuration_of(const TrainingState& state) {
  const Settings& s = state.settings;
  const UNetConfig& config = state.model.unet.config();
  const nn::LearningRate& rate = state.plan.rate();
  const auto steps = state.plan.steps();
  return {
      {"Data", fmt::format("{}, {} {}", s.images.empty() ? s.data : s.images, state.fingerprint,
                           "(shape and checksum)")},
      {"Network", fmt::format("{}: channels {}, {} layers per block, {} parameters", s.preset,
                              fmt::join(config.block_channels, ", "), config.layers_per_block,
                              with_commas(state.model.parameters.count()))},
      {"Length", steps ? fmt::format("{} ({} steps)", state.plan.to_string(), with_commas(*steps))
                       : state.plan.to_string()},
      {"Batch", s.accumulate == 1 ? fmt::format("{} images", s.batch)
                                  : fmt::format("{} x {} images", s.accumulate, s.batch)},
      {"Learning rate",
       fmt::format("{:g}, reached in {} steps{}", s.lr, rate.warmup,
                   steps ? fmt::format(", falling from step {} on", with_commas(rate.decay_start))
                         : std::string(", falling after 70 % of the time"))},
      {"AdamW", fmt::format("betas {:g} and {:g}, weight decay {:g}, gradients clipped at {:g}",
                            s.beta1, s.beta2, s.weight_decay, s.clip)},
      {"Weight of a time in the loss",
       s.weight_limit == 1 ? "1" : fmt::format("1 / alpha_bar, at most {:g}", s.weight_limit)},
      {"Average of weights", fmt::format("decay {:g}", s.ema)},
      {"Seed", fmt::format("{}", s.seed)},
      {"Machine", fmt::format("{}; {}", describe_machine(), describe_device(state.model.device()))},
      {"Memory", describe_memory(state.model.device())},
  };
}

}  // namespace

void write_report(const RunFolder& folder, const TrainingState& state, const std::string& command,
                  const std::string& status) {
  const std::string name = folder.root.lexically_normal().filename().string();
  write_file_atomically(folder.report(),
                        report_html({.title = "Learning to draw: " + name,
                                     .status = status,
                                     .grids = grids_of(folder, state),
                                     .strip = strip_of(folder, state),
                                     .strip_times = DenoisingStrip(Schedule::linear().T, 1).times(),
                                     .history = &state.history,
                                     .command = command,
                                     .configuration = configuration_of(state)}));
}

}  // namespace ink::apps
