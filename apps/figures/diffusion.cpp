// Chapters 15 to 18 and 21: schedules, the posterior, the two variances.
#include <cmath>

#include "apps/figures/figures.h"
#include "apps/figures/formulas.h"
#include "apps/support/training_data.h"
#include "diffusion/samplers.h"
#include "io/idx.h"
#include "io/image.h"
#include "tensor/ops.h"

namespace ink::apps {
namespace {

Axis time_axis(Index T = 1000) { return {.label = "t", .low = 0, .high = static_cast<double>(T)}; }
Axis log_time_axis() { return {.label = "t", .low = 1, .high = 1000, .log = true}; }

// (t, f(t)) for t = first, ..., T, not all of them when there are many.
template <class F>
Points over_time(const Schedule& schedule, Index first, const F& f) {
  Points points;
  for (Index t = first; t <= schedule.T; t += t < 40 || t > 980 ? 1 : 5)
    points.push_back({static_cast<double>(t), f(t)});
  return points;
}

}  // namespace

Figure draw_schedules() {
  const Schedule linear = Schedule::linear(), cosine = Schedule::cosine();
  Figure figure("alpha_bar, the signal-to-noise ratio, beta and beta_tilde over time", 2);
  const auto draw = [&](const auto& of, const char* suffix = "", bool dashed = false) {
    const auto curve = [&](const Schedule& s) {
      return over_time(s, 1, [&](Index t) { return of(s, t); });
    };
    figure.line(std::string("linear") + suffix, curve(linear), Ink::blue, dashed);
    figure.line(std::string("cosine") + suffix, curve(cosine), Ink::orange, dashed);
  };
  figure.panel("ᾱₜ: what is left of the image's power", time_axis(), {.low = 0, .high = 1});
  draw([](const Schedule& s, Index t) { return s.alpha_bar[at(t)]; });
  figure.panel("SNR(t) = ᾱₜ / (1 − ᾱₜ)", time_axis(), {.low = 1e-6, .high = 1e5, .log = true});
  draw([](const Schedule& s, Index t) {
    return s.alpha_bar[at(t)] / (1 - s.alpha_bar[at(t)]);
  });  // (FWD.7)
  figure.panel("βₜ: the variance of a step", time_axis(), {.low = 1e-5, .high = 1, .log = true});
  draw([](const Schedule& s, Index t) { return s.beta[at(t)]; });
  figure.panel("β̃ₜ / βₜ: the posterior's variance beside it", log_time_axis(),
               {.low = 0, .high = 1});
  draw([](const Schedule& s, Index t) { return s.beta_tilde[at(t)] / s.beta[at(t)]; });
  return figure;
}

Figure draw_posterior() {
  const Schedule schedule = Schedule::linear();
  Figure figure("The posterior's mean is a blend of x_t and x_0", 2);
  // The library's own mean, for x_t = 1 and x_0 = 0, and the other way round.
  const auto weight = [&](double x_t, double x0) {
    return over_time(schedule, 1, [&, x_t, x0](Index t) {
      const Tensor of_x0 = Tensor::full({1}, static_cast<Real>(x0)),
                   of_x_t = Tensor::full({1}, static_cast<Real>(x_t));
      return static_cast<double>(q_posterior(schedule, of_x0, of_x_t, t).mean.item());
    });
  };
  figure.panel("the weights in μ̃ₜ", log_time_axis(), {.low = 0, .high = 1.05});
  figure.line("of xₜ", weight(1, 0), Ink::blue);
  figure.line("of x₀", weight(0, 1), Ink::orange);

  // One pixel, at a time of a coarse schedule when both sources have a say. (POST.1)
  const Schedule coarse = Schedule::linear(20, 0.02, 0.3);
  constexpr Index kTime = 5;
  const double x0 = 0.8, x_t = -0.9, alpha = coarse.alpha[kTime],
               before = coarse.alpha_bar[kTime - 1];
  const Posterior posterior = q_posterior(coarse, Tensor::full({1}, static_cast<Real>(x0)),
                                          Tensor::full({1}, static_cast<Real>(x_t)), kTime);
  const double mean = static_cast<double>(posterior.mean.item());
  figure.panel("what x₀, what xₜ and what both say about xₜ₋₁",
               {.label = "xₜ₋₁", .low = -3, .high = 3}, {.low = 0, .high = 2});
  const auto density = [](double m, double v) {
    return sampled(-3, 3, 241, [m, v](double u) { return normal_density(u, m, v); });
  };
  figure.line("x₀ = 0.8", density(std::sqrt(before) * x0, 1 - before), Ink::orange);
  // As a density of x_{t-1}, that of x_t given x_{t-1} has the mean x_t / sqrt(alpha_t).
  figure.line("xₜ = −0.9", density(x_t / std::sqrt(alpha), coarse.beta[kTime] / alpha), Ink::blue);
  figure.line("both", density(mean, posterior.variance), Ink::text);
  return figure;
}

namespace {

// The variance of x_0 for data N(0, S^2) and the best eps: every step is linear in x_t. (SAMP.1)
double sampled_variance(const Schedule& schedule, double S2, Variance choice) {
  double variance = 1;
  for (Index t = schedule.T; t >= 1; --t) {
    const double alpha_bar = schedule.alpha_bar[at(t)];
    const double slope = std::sqrt(1 - alpha_bar) / (alpha_bar * S2 + 1 - alpha_bar);
    const double root = std::sqrt(1 - alpha_bar);
    const double keep =
        (1 - schedule.beta[at(t)] / root * slope) / std::sqrt(schedule.alpha[at(t)]);
    const double sigma2 =
        choice == Variance::beta ? schedule.beta[at(t)] : schedule.beta_tilde[at(t)];
    variance = keep * keep * variance + (t > 1 ? sigma2 : 0);
  }
  return variance;
}

}  // namespace

Figure draw_variances() {
  const Schedule schedule = Schedule::linear();
  Figure figure("The two choices of sigma, and what they do to the variance of the samples", 2);
  // The exact variance of x_{t-1} given x_t is beta_t V_{t-1} / V_t. (SAMP.2)
  const auto exact = [&](double S2) {
    return over_time(schedule, 1, [&schedule, S2](Index t) {
      const auto V = [&](Index s) {
        return schedule.alpha_bar[at(s)] * S2 + 1 - schedule.alpha_bar[at(s)];
      };
      return V(t - 1) / V(t);
    });
  };
  figure.panel("the right σₜ² / βₜ for data of variance S²", log_time_axis(),
               {.low = 0, .high = 1.05});
  figure.line("S² = 1: βₜ", exact(1), Ink::blue);
  figure.line("0.01", exact(0.01), Ink::green);
  figure.line("0.001", exact(0.001), Ink::purple);
  figure.line("0: β̃ₜ", exact(0), Ink::orange);

  figure.panel(
      "variance of the samples, data of variance 0.25",
      {.label = "T, with the ends of β times 1000 / T", .low = 20, .high = 1000, .log = true},
      {.low = 0, .high = 0.5});
  const auto reached = [](Variance choice) {
    Points points;
    for (const Index T : {20, 25, 30, 40, 50, 70, 100, 150, 200, 300, 500, 700, 1000}) {
      const double scale = 1000.0 / static_cast<double>(T);
      const Schedule coarse =
          Schedule::linear(T, 1e-4 * scale, 0.02 * scale * (T > 20 ? 1 : 0.999));
      points.push_back({static_cast<double>(T), sampled_variance(coarse, 0.25, choice)});
    }
    return points;
  };
  figure.line("σ² = β", reached(Variance::beta), Ink::blue);
  figure.line("σ² = β̃", reached(Variance::beta_tilde), Ink::orange);
  figure.line("data", {{20, 0.25}, {1000, 0.25}}, Ink::text, true);
  return figure;
}

Figure draw_ddim_steps() {
  const Schedule schedule = Schedule::linear();
  Figure figure("DDIM: the times of few steps, and what few steps cost", 2);
  figure.panel("the times τᵢ of K steps", {.label = "t", .low = 0, .high = 1030},
               {.low = 0, .high = 5, .hidden = true});
  double row = 4;
  for (const Index steps : {5, 10, 20, 50}) {
    Points points;
    for (const Index t : ddim_times(schedule.T, steps))
      points.push_back({static_cast<double>(t), row});
    figure.dots(fmt::format("K = {}", steps), points,
                std::vector{Ink::blue, Ink::orange, Ink::green, Ink::purple}[at(4 - Index(row))],
                2);
    --row;
  }

  // For data N(0, S^2) a step multiplies x by a number and adds noise: the variance of what comes
  // out.
  figure.panel("variance of the samples, data of variance 0.25",
               {.label = "steps K", .low = 2, .high = 1000, .log = true}, {.low = 0, .high = 0.3});
  const auto reached = [&](double eta) {
    Points points;
    for (const Index steps : {2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100, 200, 500, 1000}) {
      const std::vector<Index> times = ddim_times(schedule.T, steps);
      double variance = 1;
      for (std::size_t i = 0; i < times.size(); ++i) {
        const double now = schedule.alpha_bar[at(times[i])];
        const double next = schedule.alpha_bar[i + 1 < times.size() ? at(times[i + 1]) : 0];
        const double sigma2 = eta * eta * (1 - next) / (1 - now) * (1 - now / next);  // (DDIM.2)
        const double slope = std::sqrt(1 - now) / (now * 0.25 + 1 - now);
        const double of_x = std::sqrt(next / now);
        const double of_eps = std::sqrt(1 - next - sigma2) - of_x * std::sqrt(1 - now);
        variance = std::pow(of_x + of_eps * slope, 2) * variance + sigma2;
      }
      points.push_back({static_cast<double>(steps), variance});
    }
    return points;
  };
  figure.line("η = 0", reached(0), Ink::blue);
  figure.line("η = 1", reached(1), Ink::orange);
  figure.line("data", {{2, 0.25}, {1000, 0.25}}, Ink::text, true);
  return figure;
}

std::vector<Index> dissolving_times() { return {0, 25, 50, 100, 200, 300, 400, 600, 800, 1000}; }

Tensor dissolving_digits() {
  const Schedule schedule = Schedule::linear();
  const ImageSet images = load_mnist(default_data_folder(), Split::test);
  const Tensor digits = images.batch(Tensor::from({0, 1, 2, 4}, {4}));
  Random random(0);
  const Tensor eps = random.normal(digits.shape());
  // (digits, times, 28, 28, 1)
  Tensors columns;
  for (const Index t : dissolving_times()) {
    const Tensor at_t =
        t == 0 ? digits : q_sample(schedule, digits, Tensor::full({4}, static_cast<Real>(t)), eps);
    columns.push_back(at_t.unsqueeze(1));
  }
  const Tensor cells = concat(columns, 1);
  return image_grid(cells.reshape({-1, images.height(), images.width(), 1}), cells.size(1), 2, 2);
}

}  // namespace ink::apps
