#include "apps/support/start.h"

#include <filesystem>

#include "apps/support/machine.h"
#include "apps/support/presets.h"
#include "apps/support/program.h"
#include "apps/support/text.h"
#include "apps/support/training_data.h"
#include "nn/summary.h"

namespace ink::apps {

Start begin(const TrainOptions& options) {
  const Device device = set_up(options.machine);
  if (options.resume) {
    RunFolder folder = existing_run_folder(options);
    SavedRun saved = read_saved_run(folder.root);
    Settings settings = resumed_settings(saved.settings, options);
    return {device, std::move(settings), std::move(folder), std::move(saved)};
  }
  Settings settings = new_settings(options, device == Device::cpu ? "small" : "base");
  if (settings.data.empty() && settings.images.empty()) settings.data = default_data_folder();
  // The run may be resumed from another folder.
  for (std::string* path : {&settings.data, &settings.images}) {
    if (!path->empty()) *path = std::filesystem::absolute(*path).lexically_normal().string();
  }
  RunFolder folder;
  if (!options.summary) folder = new_run_folder(options, settings);
  return {device, std::move(settings), std::move(folder), std::nullopt};
}

void Start::set_out(TrainingState& state, const TrainOptions& options, Index images) const {
  if (saved) state.restore(*saved);
  if (saved && !RunPlan::is_in(options)) {
    const bool drawn = !state.frames.empty() && state.frames.back().step == state.step;
    check(!state.plan.finished(state.step) || !drawn, "--resume",
          "the run in {} has ended after {} steps: --minutes, --steps or --epochs makes it longer",
          folder.root.string(), state.step);
    return;
  }
  state.plan = RunPlan::from_options(options, settings, images, device);
  check_usage(!state.plan.finished(state.step), "--steps",
              "the run to resume has had {} steps already: expected more", state.step);
  check_usage(!state.plan.minutes() || *state.plan.minutes() * 60 > state.seconds, "--minutes",
              "the run to resume has had {} already: expected more", duration(state.seconds));
}

UNetConfig network_for(const Settings& settings, const ImageSet& images) {
  UNetConfig config = find_preset(settings.preset).config;
  config.image_size = images.height();
  config.in_channels = config.out_channels = images.channels();
  return config;
}

namespace {

std::vector<nn::LayerSummary> layers_of(const TrainingState& state) {
  const UNetConfig& config = state.model.unet.config();
  const Shape one_image{1, config.image_size, config.image_size, config.in_channels};
  const Device device = state.model.device();
  return nn::summarize(
      state.model.unet(Tensor::zeros(one_image, device), Tensor::ones({1}, device)),
      state.model.parameters);
}

}  // namespace

void print_summary(const TrainingState& state) {
  fmt::print("{}", nn::summary_table(layers_of(state)));
}

void print_plan(const Start& start, const TrainingState& state, const ImageSet& images) {
  const Settings& s = state.settings;
  double flops = 0;
  for (const nn::LayerSummary& layer : layers_of(state)) flops += layer.flops;

  fmt::print("machine  {}\n", describe_machine());
  fmt::print("device   {} (--device)\n", describe_device(start.device));
  fmt::print("model    {}: channels {}; {} parameters; {:.1f} MFLOP per image (--preset)\n",
             s.preset, fmt::join(state.model.unet.config().block_channels, ", "),
             with_commas(state.model.parameters.count()), flops / 1e6);
  fmt::print("data     {} images of {}x{}x{} in {} (--data, --images)\n",
             with_commas(images.count()), images.height(), images.width(), images.channels(),
             s.images.empty() ? s.data : s.images);
  fmt::print(
      "plan     {} (--minutes, --steps, --epochs); batch {}{}; learning rate {:g}; seed {}\n",
      state.plan.to_string(), s.batch, s.accumulate > 1 ? fmt::format(" x {}", s.accumulate) : "",
      s.lr, s.seed);
  fmt::print("output   {} (--out)\n", start.folder.root.string());
  if (start.saved) fmt::print("         continued from step {}\n", with_commas(state.step));
  fmt::print("         Ctrl-C stops and saves; --resume goes on; --help lists all options\n\n");
  std::fflush(stdout);
}

}  // namespace ink::apps
