#include "apps/support/train_options.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <utility>
#include <vector>

#include "apps/support/presets.h"
#include "apps/support/program.h"

namespace ink::apps {
namespace {

constexpr const char* kDescription =
    "Trains a diffusion model on MNIST, or on pictures of your own, and draws what it has learned.";

constexpr const char* kExamples = R"(
Examples:
  train_mnist                                 ten minutes on the CPU, or ten epochs on a GPU
  train_mnist --minutes 2                     a first look
  train_mnist --data ~/fashion-mnist          the IDX files of another set (gzipped or not)
  train_mnist --images ~/flowers --image-size 32 --channels 3 --epochs 100
  train_mnist --resume                        continue the last run where it stopped
  train_mnist --resume --minutes 30           continue it until it has had 30 minutes in all
)";

void add_run_options(CLI::App& app, TrainOptions& options) {
  const char* const group = "Run";
  app.add_option("--out", options.out,
                 "folder for the results (default: runs/mnist, or the next free runs/mnist-N)")
      ->group(group);
  app.add_flag("--resume", options.resume,
               "continue the run in --out (default: the last one in runs/); the result is that of "
               "a run that never stopped")
      ->group(group);
  app.add_option("--save-every", options.save_every, "seconds between checkpoints (default: 60)")
      ->group(group);
  app.add_flag("--summary", options.summary, "print the network layer by layer and end")
      ->group(group);
}

void add_data_options(CLI::App& app, TrainOptions& options) {
  const char* const group = "Data";
  auto* data = app.add_option("--data", options.data,
                              "folder of IDX files, gzipped or not (default: data/mnist)");
  auto* images = app.add_option("--images", options.images, "folder of PNG and JPEG files instead");
  data->group(group);
  images->excludes(data)->group(group);
  app.add_option("--image-size", options.image_size,
                 "side in pixels to which they are cropped and resized (default: 28)")
      ->needs(images)
      ->group(group);
  app.add_option("--channels", options.channels, "1: grey (default), 3: RGB")
      ->needs(images)
      ->group(group);
}

void add_length_options(CLI::App& app, TrainOptions& options) {
  const char* const group = "Length";
  auto* minutes = app.add_option(
      "--minutes", options.minutes,
      fmt::format("time in all, the last samples included (the CPU's default: {:g})", kCpuMinutes));
  auto* epochs =
      app.add_option("--epochs", options.epochs,
                     fmt::format("or passes over the data (a GPU's default: {:g})", kGpuEpochs));
  auto* steps = app.add_option("--steps", options.steps, "or steps");
  minutes->excludes(steps)->excludes(epochs)->group(group);
  epochs->excludes(steps)->group(group);
  steps->group(group);
}

// "text (small: 0.002, base: 0.0005, tiny: 0.002)", or "text (default: 0.9)" where all presets
// agree.
template <class Value>
std::string by_preset(const char* text, Value Preset::*value) {
  std::string list;
  bool all_agree = true;
  for (const Preset& preset : presets()) {
    list += fmt::format("{}{}: {:g}", list.empty() ? "" : ", ", preset.name,
                        static_cast<double>(preset.*value));
    all_agree &= preset.*value == presets().front().*value;
  }
  if (!all_agree) return fmt::format("{} ({})", text, list);
  return fmt::format("{} (default: {:g})", text, static_cast<double>(presets().front().*value));
}

void add_training_options(CLI::App& app, TrainOptions& options) {
  const char* const group = "Training";
  std::string choices = "the network and what suits it";
  std::vector<std::string> names;
  for (const Preset& preset : presets()) {
    choices += fmt::format("{} {} ({})", names.empty() ? ":" : ",", preset.name, preset.purpose);
    names.emplace_back(preset.name);
  }
  app.add_option("--preset", options.preset, choices)->check(CLI::IsMember(names))->group(group);
  const auto add = [&](const char* name, auto& value, const std::string& text) {
    app.add_option(name, value, text)->group(group);
  };
  add("--batch", options.batch, by_preset("images per batch", &Preset::batch));
  add("--accumulate", options.accumulate, "batches per step (default: 1)");
  add("--lr", options.lr, by_preset("peak of the learning rate", &Preset::lr));
  add("--warmup", options.warmup, by_preset("steps until it is reached", &Preset::warmup));
  add("--beta1", options.beta1, by_preset("AdamW's decay of the first moment", &Preset::beta1));
  add("--beta2", options.beta2, by_preset("AdamW's decay of the second moment", &Preset::beta2));
  add("--weight-decay", options.weight_decay,
      by_preset("AdamW's weight decay", &Preset::weight_decay));
  add("--clip", options.clip, by_preset("largest norm of a gradient; 0: no limit", &Preset::clip));
  add("--ema", options.ema,
      by_preset("decay of the average of the weights that draws samples", &Preset::ema));
  add("--weight-limit", options.weight_limit,
      by_preset(
          "weight min(1 / alpha_bar_t, limit) of a time t in the loss; 1: the paper's, all alike",
          &Preset::weight_limit));
  add_seed(app, [&options](std::uint64_t seed) { options.seed = seed; })->group(group);
}

// ---- which numbers make sense ----------------------------------------------------------------

void check_count(const char* name, const std::optional<Index>& value, Index low, Index high) {
  check_usage(!value || (*value >= low && *value <= high), name,
              "expected a whole number from {} to {}, got {}", low, high, value.value_or(0));
}

void check_positive(const char* name, const std::optional<double>& value) {
  check_usage(!value || (std::isfinite(*value) && *value > 0), name,
              "expected a finite number above 0, got {}", value.value_or(0));
}

// On [0, 1).
void check_decay(const char* name, const std::optional<double>& value) {
  check_usage(!value || (*value >= 0 && *value < 1), name,
              "expected a number from 0 to below 1, got {}", value.value_or(0));
}

void check_values(const TrainOptions& options) {
  check_count("--steps", options.steps, 1, 1'000'000'000);
  check_positive("--minutes", options.minutes);
  check_positive("--epochs", options.epochs);
  check_count("--batch", options.batch, 1, 65536);
  check_count("--accumulate", options.accumulate, 1, 65536);
  check_positive("--lr", options.lr);
  check_count("--warmup", options.warmup, 0, 1'000'000'000);
  check_decay("--beta1", options.beta1);
  check_decay("--beta2", options.beta2);
  check_decay("--ema", options.ema);
  for (const auto& [name, value] :
       {std::pair{"--weight-decay", options.weight_decay}, std::pair{"--clip", options.clip}}) {
    check_usage(!value || (std::isfinite(*value) && *value >= 0), name,
                "expected a finite number, at least 0, got {}", value.value_or(0));
  }
  check_usage(
      !options.weight_limit || (std::isfinite(*options.weight_limit) && *options.weight_limit >= 1),
      "--weight-limit", "expected a finite number, at least 1, got {}",
      options.weight_limit.value_or(0));
  check_count("--image-size", options.image_size, 1, 4096);
  check_usage(!options.channels || *options.channels == 1 || *options.channels == 3, "--channels",
              "expected 1 (grey) or 3 (RGB), got {}", options.channels.value_or(0));
  check_machine_options(options.machine);
  check_usage(options.save_every >= 0, "--save-every", "expected at least 0 seconds, got {}",
              options.save_every);
  check_usage(!options.out || !options.out->empty(), "--out", "expected a folder, got nothing");
}

}  // namespace

std::optional<TrainOptions> parse_train_options(int argc, const char* const* argv) {
  TrainOptions options;
  CLI::App app(kDescription, "train_mnist");
  app.footer(kExamples);
  add_run_options(app, options);
  add_machine_options(app, options.machine, "Machine");
  add_data_options(app, options);
  add_length_options(app, options);
  add_training_options(app, options);
  if (!parse_arguments(app, argc, argv)) return std::nullopt;
  check_values(options);
  return options;
}

}  // namespace ink::apps
