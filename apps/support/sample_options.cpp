#include "apps/support/sample_options.h"

#include <CLI/CLI.hpp>

#include "apps/support/program.h"

namespace ink::apps {
namespace {

constexpr const char* kDescription = "Draws pictures with a network that train_mnist has trained.";

constexpr const char* kExamples = R"(
Examples:
  sample                                      64 pictures by the last run in runs/
  sample --checkpoint runs/mnist --count 256 --out more
  sample --steps 50                           twenty times faster: DDIM
  sample --sampler ddim --steps 100 --eta 1   DDIM with the noise of DDPM
)";

// What was typed, where that matters.
struct Typed {
  std::optional<std::string> sampler, variance;
  std::optional<Index> steps;
  std::optional<double> eta;
};

void add_options(CLI::App& app, SampleOptions& options, Typed& typed) {
  app.add_option("--checkpoint", options.checkpoint,
                 "folder of a run or of a checkpoint: ours, or that of a UNet2DModel of diffusers "
                 "(default: the last run in runs/)");
  app.add_option("--count", options.count, "number of pictures (default: 64)");
  app.add_option("--sampler", typed.sampler, "ddpm (default) or ddim")
      ->check(CLI::IsMember({"ddpm", "ddim"}));
  app.add_option("--steps", typed.steps, "steps of DDIM (default: 50); DDPM takes all 1000");
  app.add_option("--eta", typed.eta, "noise of DDIM, from 0 (default) to 1");
  app.add_option("--variance", typed.variance, "noise of DDPM: beta (default) or beta_tilde")
      ->check(CLI::IsMember({"beta", "beta_tilde"}));
  app.add_flag("--clamp,!--no-clamp", options.sampler.clamp,
               "keep every predicted x_0 in [-1, 1] (default), or follow the formulas");
  app.add_option(
      "--guidance", options.guidance,
      fmt::format(
          "how far the network is moved away from the guide in its checkpoint: itself after "
          "a quarter of its training (default: {:g}; 1: not at all, in half the time)",
          kGuidance));
  add_seed(app, [&options](std::uint64_t seed) { options.seed = seed; });
  app.add_option("--out", options.out,
                 "folder for the pictures (default: samples, or the next free samples-N)");
  add_machine_options(app, options.machine, "Machine");
}

// A number of steps asks for DDIM; what belongs to the other sampler is refused.
Sampler chosen_sampler(const Typed& typed, bool clamp) {
  Sampler sampler;
  sampler.clamp = clamp;
  const bool ddim = typed.sampler ? *typed.sampler == "ddim" : typed.steps || typed.eta;
  sampler.kind = ddim ? Sampler::Kind::ddim : Sampler::Kind::ddpm;
  check_usage(ddim || !typed.steps || *typed.steps == 1000, "--steps",
              "DDPM takes all 1000 steps: use --sampler ddim --eta 1 for fewer");
  check_usage(ddim || !typed.eta, "--eta", "it belongs to --sampler ddim");
  check_usage(!ddim || !typed.variance, "--variance", "it belongs to --sampler ddpm");
  sampler.steps = typed.steps.value_or(50);
  check_usage(sampler.steps >= 1 && sampler.steps <= 1000, "--steps", "expected 1 to 1000, got {}",
              sampler.steps);
  sampler.eta = typed.eta.value_or(0);
  check_usage(sampler.eta >= 0 && sampler.eta <= 1, "--eta", "expected from 0 to 1, got {}",
              sampler.eta);
  if (typed.variance == "beta_tilde") sampler.variance = Variance::beta_tilde;
  return sampler;
}

}  // namespace

std::optional<SampleOptions> parse_sample_options(int argc, const char* const* argv) {
  SampleOptions options;
  Typed typed;
  CLI::App app(kDescription, "sample");
  app.footer(kExamples);
  add_options(app, options, typed);
  if (!parse_arguments(app, argc, argv)) return std::nullopt;
  options.sampler = chosen_sampler(typed, options.sampler.clamp);
  check_usage(options.count >= 1 && options.count <= 1'000'000, "--count",
              "expected 1 to 1000000, got {}", options.count);
  check_machine_options(options.machine);
  check_usage(!options.guidance || (*options.guidance >= 0 && *options.guidance <= 100),
              "--guidance", "expected from 0 to 100, got {}", options.guidance.value_or(0));
  check_usage(!options.out || !options.out->empty(), "--out", "expected a folder, got nothing");
  return options;
}

}  // namespace ink::apps
