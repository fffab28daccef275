#include "apps/support/start.h"

#include "apps/support/machine.h"
#include "apps/support/presets.h"
#include "apps/support/program.h"
#include "apps/support/text.h"
#include "apps/support/training_data.h"
#include "nn/summary.h"

namespace ink::apps {

Start begin(const TrainOptions& options) {
  set_threads(options.threads);
  const Device device = choose_device(options.device);
  if (options.resume) {
    RunFolder folder = existing_run_folder(options);
    SavedRun saved = read_saved_run(folder.root);
    Settings settings = resumed_settings(saved.settings, options);
    return {device, std::move(settings), std::move(folder), std::move(saved)};
  }
  Settings settings = new_settings(options, device == Device::cpu ? "small" : "base");
  if (settings.data.empty() && settings.images.empty()) settings.data = default_data_folder();
  RunFolder folder;
  if (!options.summary) folder = new_run_folder(options, settings);
  return {device, std::move(settings), std::move(folder), std::nullopt};
}

void Start::set_out(TrainingState& state, const TrainOptions& options, Index images) const {
  if (saved) state.restore(*saved);
  if (saved && !RunPlan::is_in(options)) return;
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

void print_plan(const Start& start, const TrainingState& state, const ImageSet& images) {
  const Settings& settings = state.settings;
  const std::vector<nn::LayerSummary> layers = layers_of(state);
  double flops = 0;
  for (const nn::LayerSummary& layer : layers) flops += layer.flops;
  if (start.folder.root.empty()) fmt::print("{}", nn::summary_table(layers));

  fmt::print("machine  {}\n", describe_machine());
  fmt::print("device   {} (--device)\n", describe_device(start.device));
  fmt::print("model    {}: channels {}, {} parameters, {:.1f} MFLOP per image (--preset)\n",
             settings.preset, fmt::join(state.model.unet.config().block_channels, ", "),
             with_commas(state.model.parameters.count()), flops / 1e6);
  fmt::print("data     {} images {}x{}x{} of {}\n", with_commas(images.count()), images.height(),
             images.width(), images.channels(),
             settings.images.empty() ? settings.data : settings.images);
  fmt::print("plan     {}, batch {}{}, learning rate {:g}, seed {}\n", state.plan.to_string(),
             settings.batch,
             settings.accumulate > 1 ? fmt::format(" x {}", settings.accumulate) : "", settings.lr,
             settings.seed);
  if (start.saved) fmt::print("resume   at step {}\n", with_commas(state.step));
  fmt::print("output   {}\n\n", start.folder.root.string());
  std::fflush(stdout);
}

}  // namespace ink::apps
