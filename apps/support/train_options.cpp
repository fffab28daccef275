#include "apps/support/train_options.h"

#include <cmath>

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
  train_mnist --resume --minutes 30           continue it until it has had 30 minutes in all)";

void add_run_options(CLI::App& app, TrainOptions& options) {
  app.add_option("--device", options.device, "auto (the GPU if there is one), cpu or cuda")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
  app.add_option("--preset", options.preset,
                 "the network and what suits it: small (the CPU's default), base (the GPU's), or "
                 "tiny (for tests)")
      ->check(CLI::IsMember({"small", "base", "tiny"}));
  app.add_option("--out", options.out,
                 "folder for the results (default: runs/mnist, or the next free runs/mnist-N)");
  app.add_flag("--resume", options.resume,
               "continue the run in --out (default: the last one in runs/); its result is that of "
               "a run that never stopped");
  app.add_option("--save-every", options.save_every, "seconds between checkpoints (default: 60)");
  app.add_option("--threads", options.threads, "threads on the CPU (default: one per core)");
  app.add_flag("--summary", options.summary, "print the network layer by layer and end");
}

void add_data_options(CLI::App& app, TrainOptions& options) {
  auto* data = app.add_option("--data", options.data,
                              "folder of IDX files, gzipped or not (default: data/mnist)");
  auto* images = app.add_option("--images", options.images, "folder of PNG and JPEG files instead")
                     ->excludes(data);
  app.add_option("--image-size", options.image_size,
                 "side in pixels to which they are cropped and resized (default: 28)")
      ->needs(images);
  app.add_option("--channels", options.channels, "1: grey (default), 3: RGB")->needs(images);
}

void add_training_options(CLI::App& app, TrainOptions& options) {
  auto* steps = app.add_option("--steps", options.steps, "length of the run in steps");
  auto* minutes =
      app.add_option("--minutes", options.minutes, "or in minutes (the CPU's default: 10)");
  auto* epochs = app.add_option("--epochs", options.epochs, "or in epochs (the GPU's default: 10)");
  minutes->excludes(steps)->excludes(epochs);
  epochs->excludes(steps);
  app.add_option("--batch", options.batch, "images per batch");
  app.add_option("--accumulate", options.accumulate, "batches per step (default: 1)");
  app.add_option("--lr", options.lr, "peak of the learning rate");
  app.add_option("--warmup", options.warmup, "steps until the learning rate is at its peak");
  app.add_option("--beta1", options.beta1, "AdamW's decay of the first moment");
  app.add_option("--beta2", options.beta2, "AdamW's decay of the second moment");
  app.add_option("--weight-decay", options.weight_decay, "AdamW's weight decay");
  app.add_option("--clip", options.clip, "largest norm of a gradient; 0: no limit");
  app.add_option("--ema", options.ema, "decay of the average of the weights that draws pictures");
  app.add_option("--seed", options.seed, "of all random numbers (default: 0)");
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
  check_count("--image-size", options.image_size, 1, 4096);
  check_usage(!options.channels || *options.channels == 1 || *options.channels == 3, "--channels",
              "expected 1 (grey) or 3 (RGB), got {}", options.channels.value_or(0));
  check_threads(options.threads);
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
  add_data_options(app, options);
  add_training_options(app, options);
  if (!parse_arguments(app, argc, argv)) return std::nullopt;
  check_values(options);
  return options;
}

}  // namespace ink::apps
