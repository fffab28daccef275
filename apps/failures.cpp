// Draws digits with a trained network and one wrong formula at a time: the gallery of failures of
// docs/what_to_expect.md. All from the same noise.
#include "apps/figures/failures.h"

#include <CLI/CLI.hpp>
#include <cmath>

#include "apps/support/checkpoint.h"
#include "apps/support/program.h"
#include "apps/support/run_folder.h"
#include "apps/support/sampling.h"
#include "apps/support/streams.h"
#include "io/file.h"
#include "io/image.h"
#include "nn/optim/ema.h"
#include "tensor/ops.h"

namespace ink::apps {
namespace {

struct Options {
  std::string checkpoint;
  std::string out = "failures";
  std::vector<std::string> only;
};

constexpr Index kImages = 12;

// Replaces the weights by an average that began at the random ones and never warmed up: after 1000
// steps with the decay 0.9999, nine tenths of it are the start. (OPT.8)
Tensor early_average(const Model& trained) {
  const Model start(trained.unet.config(), stream(0, Stream::weights), Device::cpu);
  const Real of_start = static_cast<Real>(std::pow(0.9999, 1000));
  return of_start * start.parameters.values() + (1 - of_start) * trained.parameters.values();
}

int run(Options options) {
  if (options.checkpoint.empty()) options.checkpoint = latest_run().string();
  const auto model = load_model(options.checkpoint, Device::cpu);
  const UNetConfig& config = model->unet.config();
  const Shape shape{kImages, config.image_size, config.image_size, config.in_channels};
  const std::filesystem::path folder(options.out);
  make_directories(folder);
  std::vector<std::string> unknown = options.only;
  const auto wanted = [&](const std::string& name) {
    return options.only.empty() || std::erase(unknown, name) > 0;
  };
  const auto draw = [&](const std::string& name, const std::string& what, const Failure& failure) {
    Random random = stream(0, Stream::sampling);
    const Tensor images = failure.sample(eps_of(model->unet), shape, random);
    const auto path = folder / fmt::format("failure_{}.png", name);
    save_png(path, image_grid(images, kImages, 2, 2));
    fmt::print("{}: {}\n", path.string(), what);
  };
  for (const Failure& failure : all_failures())
    if (wanted(failure.name)) draw(failure.name, failure.what, failure);
  if (wanted("average")) {
    const nn::WithValues averaged(model->parameters, early_average(*model));
    draw("average", "an average of the weights that has not forgotten its start",
         all_failures()[0]);
  }
  check_usage(unknown.empty(), "--only", "there is no failure {}", fmt::join(unknown, ", "));
  return 0;
}

}  // namespace
}  // namespace ink::apps

int main(int argc, char** argv) {
  using namespace ink::apps;
  return run_program("failures", [&] {
    Options options;
    CLI::App app("Draws digits with a trained network and one wrong formula at a time.");
    app.add_option("--checkpoint", options.checkpoint,
                   "a checkpoint or run (default: the last run)");
    app.add_option("--out", options.out, "folder for the pictures (default: failures)");
    app.add_option("--only", options.only, "names of failures (default: all)");
    return parse_arguments(app, argc, argv) ? run(options) : 0;
  });
}
