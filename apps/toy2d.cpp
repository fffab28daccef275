// Diffusion in the plane: learns eps on a ring of Gaussians in seconds, and compares what it
// learned with the closed form. The whole of DDPM, Algorithm 1 and Algorithm 2, without images.
#include <CLI/CLI.hpp>

#include "apps/figures/figure.h"
#include "apps/support/mixture.h"
#include "apps/support/program.h"
#include "apps/support/toy_network.h"
#include "apps/support/waiting.h"
#include "diffusion/loss.h"
#include "nn/optim/adamw.h"
#include "nn/optim/ema.h"
#include "tensor/ops.h"

namespace ink::apps {
namespace {

struct Options {
  Index steps = 3000;
  std::uint64_t seed = 0;
  std::string out = "toy2d.svg";
};

struct Model {
  explicit Model(Random random) : network(nn::Scope(parameters)) { parameters.allocate(random); }

  nn::Parameters parameters;
  ToyNetwork network;
};

// Algorithm 1. Leaves the averaged parameters in the model.
void train(Model& model, const Mixture& data, const Schedule& schedule, Index steps,
           Random random) {
  constexpr Index kBatch = 512;
  const Network eps_theta = [&model](const Tensor& x_t, const Tensor& t) {
    return model.network(x_t, t);
  };
  nn::AdamW optimizer(model.parameters, {.beta2 = Real(0.99)});
  nn::Ema ema(model.parameters, Real(0.995));
  const nn::LearningRate rate{.peak = Real(3e-3), .warmup = 50, .decay_start = 50, .total = steps};
  double sum = 0;
  for (Index step = 0; step < steps; ++step) {
    const NoisedBatch batch = add_noise(schedule, data.sample(kBatch, random), random);
    const Variable loss = simple_loss(eps_theta, batch);
    model.parameters.zero_gradients();
    loss.backward();
    optimizer.step(rate, ema);
    sum += static_cast<double>(loss.item());
    const Index report = std::max<Index>(1, steps / 5);
    if ((step + 1) % report == 0) {
      fmt::print("step {:>5} · loss {:.4f}\n", step + 1, sum / static_cast<double>(report));
      sum = 0;
    }
  }
  model.parameters.values().copy_(ema.average());
}

// The mean squared difference of two functions eps(x, t) where the forward process goes, by
// quarters of t, beside what remains of the loss even for the best one.
void compare(const EpsTheta& eps_theta, const EpsTheta& best, const Mixture& data,
             const Schedule& schedule, Random random) {
  constexpr Index kPoints = 4096;
  fmt::print("\n{:<12} {:>22} {:>22}\n", "t", "|eps_theta - eps*|^2", "|eps - eps*|^2");
  for (Index quarter = 0; quarter < 4; ++quarter) {
    const Index first = quarter * schedule.T / 4 + 1, last = (quarter + 1) * schedule.T / 4;
    const Tensor t = random.uniform_int(first, last, {kPoints});
    const Tensor x0 = data.sample(kPoints, random), eps = random.normal({kPoints, 2});
    const Tensor x_t = q_sample(schedule, x0, t, eps), exact = best(x_t, t);
    const auto mean_square = [](const Tensor& d) { return mean(d * d).item(); };
    fmt::print("{:<12} {:>22.5f} {:>22.5f}\n", fmt::format("{} .. {}", first, last),
               mean_square(eps_theta(x_t, t) - exact), mean_square(eps - exact));
  }
}

void draw(const EpsTheta& eps_theta, const EpsTheta& best, const Mixture& data,
          const Schedule& schedule, Random random, const std::string& path) {
  constexpr Index kPoints = 600, kPaths = 60, kTime = 200;
  constexpr double kExtent = 2.2;
  Figure figure("A ring of clusters, learned in the plane", 2, 400, 436);
  figure.plane("data", kExtent);
  figure.dots("", points_of(data.sample(kPoints, random)), Ink::text);

  const Tensor samples = sample_ddpm(schedule, eps_theta, {kPoints, 2}, random);
  figure.plane("DDPM, 1000 steps", kExtent);
  figure.dots("", points_of(samples), Ink::blue);

  Tensors steps;
  sample_ddim(schedule, eps_theta, {kPaths, 2}, random, {.steps = 100},
              [&steps](Index, const Tensor& x) { steps.push_back(x.clone()); });
  figure.plane("from noise to data, DDIM", kExtent);
  for (const Points& way : paths_through(steps)) figure.line("", way, Ink::faint);
  figure.dots("", points_of(steps.back()), Ink::blue, 2);

  // The score is -eps / sqrt(1 - alpha_bar): it points the way eps does not.
  const Tensor at = grid(22, kExtent), t = Tensor::full({at.size(0)}, kTime);
  const auto arrows = [&](const char* name, const EpsTheta& eps, Ink ink) {
    figure.arrows(name, points_of(at), points_of(Real(-0.08) * eps(at, t)), ink);
  };
  figure.plane(fmt::format("score at t = {}", kTime), kExtent);
  arrows("exact", best, Ink::orange);
  arrows("learned", eps_theta, Ink::blue);
  figure.save(path);
  fmt::print(
      "\n{:.1f} % of the samples lie within four standard deviations of a center "
      "(of the data: {:.1f} %)\nlook:  {}\n",
      100 * data.share_at_home(samples), 100 * data.share_at_home(data.sample(kPoints, random)),
      path);
}

int run(const Options& options) {
  const Schedule schedule = Schedule::linear();
  const Mixture data = Mixture::ring();
  const Random random(options.seed);
  Model model(random.fork(0));
  train(model, data, schedule, options.steps, random.fork(1));

  const NoGrad no_grad;
  const EpsTheta eps_theta = [&model](const Tensor& x, const Tensor& t) {
    return model.network(x, t).value();
  };
  const EpsTheta best = data.best_eps(schedule);
  compare(eps_theta, best, data, schedule, random.fork(2));
  draw(eps_theta, best, data, schedule, random.fork(3), options.out);
  return 0;
}

}  // namespace
}  // namespace ink::apps

int main(int argc, char** argv) {
  using namespace ink::apps;
  sleep_while_waiting(argv);
  return run_program("toy2d", [&] {
    Options options;
    CLI::App app("Learns eps on points of the plane and compares it with the closed form.");
    app.add_option("--steps", options.steps, "training steps (default: 3000)")
        ->check(CLI::Range(1, 1'000'000));
    add_seed(app, [&options](std::uint64_t seed) { options.seed = seed; });
    app.add_option("--out", options.out, "the picture, an SVG file (default: toy2d.svg)");
    return parse_arguments(app, argc, argv) ? run(options) : 0;
  });
}
