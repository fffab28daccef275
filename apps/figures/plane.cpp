// The mixture in the plane, for which everything is known: marginals, scores, and ways back.
#include <array>

#include "apps/figures/figures.h"
#include "apps/support/mixture.h"
#include "diffusion/samplers.h"
#include "tensor/ops.h"

namespace ink::apps {
namespace {

constexpr double kExtent = 2.4;

}  // namespace

Figure draw_marginals() {
  const Schedule schedule = Schedule::linear();
  const Mixture data = Mixture::ring();
  Random random(1);
  constexpr Index kPoints = 500;
  const Tensor x0 = data.sample(kPoints, random), eps = random.normal({kPoints, 2});
  Figure figure("A ring of eight clusters dissolves into one normal distribution", 5, 180, 216);
  for (const Index t : {0, 50, 150, 400, 1000}) {
    const Tensor at_t =
        t == 0 ? x0 : q_sample(schedule, x0, Tensor::full({kPoints}, static_cast<Real>(t)), eps);
    figure.plane(fmt::format("t = {}", t), kExtent);
    figure.dots("", points_of(at_t), Ink::blue);
  }
  return figure;
}

Figure draw_scores() {
  const Schedule schedule = Schedule::linear();
  const Mixture data = Mixture::ring();
  const EpsTheta best = data.best_eps(schedule);
  const Tensor at = grid(17, kExtent - 0.2);
  Random random(2);
  constexpr Index kPoints = 300;
  Figure figure("The score of the noised ring points back to the clusters", 3, 300, 336);
  for (const Index t : {100, 200, 500}) {
    const Tensor time = Tensor::full({at.size(0)}, static_cast<Real>(t));
    const Tensor x_t =
        q_sample(schedule, data.sample(kPoints, random),
                 Tensor::full({kPoints}, static_cast<Real>(t)), random.normal({kPoints, 2}));
    figure.plane(fmt::format("t = {}", t), kExtent);
    figure.dots("", points_of(x_t), Ink::faint, 1);
    // -eps* is the score times sqrt(1 - alpha_bar).
    figure.arrows("−ε*, a tenth of its length", points_of(at),
                  points_of(Real(-0.1) * best(at, time)), Ink::blue);
  }
  return figure;
}

Figure draw_paths() {
  const Schedule schedule = Schedule::linear();
  const Mixture data = Mixture::ring();
  const EpsTheta best = data.best_eps(schedule);
  constexpr Index kPaths = 100;
  constexpr std::size_t kShown = 9;
  Figure figure("From noise to the ring: with noise at every step, and without", 2, 400, 436);
  const auto draw = [&](const std::string& title, const auto& sample) {
    Random random(3);
    Random same = random;
    Tensors steps{same.normal({kPaths, 2})};  // x_T, the first draw
    const Tensor x0 = sample(random, [&steps](Index t, const Tensor& x) {
      if (t % 20 == 0) steps.push_back(x.clone());
    });
    figure.plane(title, kExtent);
    const std::vector<Points> paths = paths_through(steps);
    for (std::size_t i = 0; i < kShown; ++i)
      figure.line("", paths[i], std::array{Ink::orange, Ink::green, Ink::purple}[i % 3]);
    figure.dots("x₀", points_of(x0), Ink::blue, 2.2);
  };
  draw("DDPM, 1000 steps", [&](Random& random, const Observer& observe) {
    return sample_ddpm(schedule, best, {kPaths, 2}, random, {.variance = Variance::beta_tilde},
                       observe);
  });
  draw("DDIM, η = 0, 100 steps", [&](Random& random, const Observer& observe) {
    return sample_ddim(schedule, best, {kPaths, 2}, random, {.steps = 100}, observe);
  });
  return figure;
}

Figure draw_guidance() {
  const Schedule schedule = Schedule::linear();
  // Networks that draw the ring's clusters too wide, the younger one more so: guidance makes each
  // narrower, as (CFG.3) says of one alone.
  const EpsTheta eps = Mixture::ring(8, 0.16).best_eps(schedule);
  const EpsTheta weak = Mixture::ring(8, 0.24).best_eps(schedule);
  constexpr Index kPoints = 400;
  Figure figure("Guidance sharpens what a network draws", 3, 300, 336);
  const auto draw = [&](const std::string& title, const EpsTheta& eps_theta) {
    Random random(4);
    figure.plane(title, kExtent);
    figure.dots(
        "x₀",
        points_of(sample_ddim(schedule, eps_theta, {kPoints, 2}, random, {.steps = 50, .eta = 1})),
        Ink::blue);
  };
  draw("the younger network", weak);
  draw("the network", eps);
  draw("guided, w = 2.5", guided(eps, weak, 2.5));
  return figure;
}

}  // namespace ink::apps
