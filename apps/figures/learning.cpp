// Chapters 12 to 14 and 17: densities, divergences, bounds, losses.
#include <cmath>
#include <sstream>

#include "apps/figures/figures.h"
#include "apps/figures/formulas.h"
#include "apps/support/mixture.h"
#include "diffusion/schedule.h"
#include "io/file.h"
#include "tensor/check.h"
#include "tensor/ops.h"

namespace ink::apps {
Figure draw_gaussians() {
  // N(x; -1, 0.5) times N(x; 1.5, 1): variance 1/3, mean (-1/0.5 + 1.5) / 3. (G.4)
  Figure figure("The product of two normal densities is one, times a number", 1, 560, 260);
  const auto first = [](double x) { return normal_density(x, -1, 0.5); };
  const auto second = [](double x) { return normal_density(x, 1.5, 1); };
  figure.panel("two densities and their product", {.label = "x", .low = -4, .high = 5},
               {.low = 0, .high = 0.75});
  figure.line("N(−1, ½)", sampled(-4, 5, 181, first), Ink::blue);
  figure.line("N(1.5, 1)", sampled(-4, 5, 181, second), Ink::orange);
  figure.line("product", sampled(-4, 5, 181, [&](double x) { return first(x) * second(x); }),
              Ink::green);
  figure.line("made to integrate to 1",
              sampled(-4, 5, 181, [](double x) { return normal_density(x, -1.0 / 6, 1.0 / 3); }),
              Ink::text, true);
  return figure;
}

Figure draw_divergences() {
  // Data with two clusters; among normal distributions the best for KL(p || q) has their moments,
  // while KL(q || p) is smallest near one of them. (MLE.4)
  constexpr double kCenter = 2, kVariance = 0.3;
  const auto p = [](double x) {
    return (normal_density(x, -kCenter, kVariance) + normal_density(x, kCenter, kVariance)) / 2;
  };
  const auto reverse = [&](double mean, double variance) {
    double sum = 0;
    constexpr double kStep = 0.02;
    for (double x = -8; x <= 8; x += kStep) {
      const double q = normal_density(x, mean, variance);
      if (q > 1e-280) sum += kStep * q * std::log(q / p(x));
    }
    return sum;
  };
  Figure figure("KL in its two orders: one covers the data, the other picks a part", 2);
  figure.panel("the best normal distribution", {.label = "x", .low = -5, .high = 5},
               {.low = 0, .high = 0.85});
  figure.line("data", sampled(-5, 5, 201, p), Ink::faint);
  figure.line("of KL(p ‖ q)",
              sampled(-5, 5, 201,
                      [](double x) { return normal_density(x, 0, kCenter * kCenter + kVariance); }),
              Ink::blue);
  figure.line("of KL(q ‖ p)",
              sampled(-5, 5, 201, [](double x) { return normal_density(x, kCenter, kVariance); }),
              Ink::orange);
  figure.panel("divergence of N(m, 0.3), by its mean m", {.label = "m", .low = -4, .high = 4},
               {.low = 0, .high = 10});
  figure.line("KL(q ‖ p)", sampled(-4, 4, 81, [&](double m) { return reverse(m, kVariance); }),
              Ink::orange);
  // The mean of -log q is that of a square; the entropy of p is that of one cluster and a bit.
  const double entropy =
      0.5 * std::log(2 * std::numbers::pi * std::numbers::e * kVariance) + std::log(2);
  figure.line("KL(p ‖ q)",
              sampled(-4, 4, 81,
                      [&](double m) {
                        const double square = kCenter * kCenter + kVariance + m * m;
                        return 0.5 * std::log(2 * std::numbers::pi * kVariance) +
                               square / (2 * kVariance) - entropy;
                      }),
              Ink::blue);
  return figure;
}

Figure draw_bound() {
  // p(z) = N(0, 1), p(x | z) = N(z, v), v = 1/4: all is known. The bound for q = N(m, s^2) at x
  // = 1.
  constexpr double v = 0.25, x = 1, best_m = x / (1 + v), best_s2 = v / (1 + v);
  const auto bound = [](double m, double s2) {
    const double reconstruction =
        -0.5 * std::log(2 * std::numbers::pi * v) - ((x - m) * (x - m) + s2) / (2 * v);
    return reconstruction - 0.5 * (m * m + s2 - 1 - std::log(s2));  // (VAE.5) (VAE.6)
  };
  const double likelihood = std::log(normal_density(x, 0, 1 + v));
  Figure figure("The variational bound touches the likelihood where q is the posterior", 2);
  const Axis values{.low = -4, .high = -1};
  figure.panel("moving the encoder's mean m", {.label = "m", .low = 0, .high = 1.6}, values);
  figure.line("bound", sampled(0, 1.6, 81, [&](double m) { return bound(m, best_s2); }), Ink::blue);
  figure.line("log p(x)", {{0, likelihood}, {1.6, likelihood}}, Ink::text, true);
  figure.dots("the posterior", {{best_m, likelihood}}, Ink::orange, 3.5);
  figure.panel("moving its variance s²", {.label = "s²", .low = 0.01, .high = 1, .log = true},
               values);
  figure.line("bound",
              sampled(
                  0.01, 1, 81, [&](double s2) { return bound(best_m, s2); }, true),
              Ink::blue);
  figure.line("log p(x)", {{0.01, likelihood}, {1, likelihood}}, Ink::text, true);
  figure.dots("the posterior", {{best_s2, likelihood}}, Ink::orange, 3.5);
  return figure;
}

namespace {

// The columns of a table of numbers: a line of names, then lines of numbers, with commas between.
std::vector<std::pair<std::string, std::vector<double>>> read_table(const std::string& path) {
  std::istringstream in(read_file(path));
  std::vector<std::pair<std::string, std::vector<double>>> columns;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    const bool is_head = columns.empty();
    std::istringstream cells(line);
    std::size_t column = 0;
    for (std::string cell; std::getline(cells, cell, ','); ++column) {
      if (is_head) {
        columns.push_back({cell, {}});
      } else {
        check(column < columns.size(), "figures", "{} has a line longer than its first", path);
        columns[column].second.push_back(std::stod(cell));
      }
    }
  }
  check(!columns.empty(), "figures", "{} is empty", path);
  return columns;
}

}  // namespace

Figure draw_loss_by_time() {
  const auto columns = read_table(std::string(INK_SOURCE_DIR) + "/docs/figures/loss_by_time.csv");
  const Schedule schedule = Schedule::linear();
  Figure figure("The loss by time: of a network while it learns, and the weight of the bound", 2);
  const Axis time{.label = "t", .low = 1, .high = 1000, .log = true};
  figure.panel("‖ε − ε_θ‖² on images not seen in training", time,
               {.low = 3e-4, .high = 1, .log = true});
  const std::array<Ink, 4> inks{Ink::faint, Ink::green, Ink::orange, Ink::blue};
  for (std::size_t i = 1; i < columns.size(); ++i) {
    Points points;
    for (std::size_t row = 0; row < columns[i].second.size(); ++row)
      points.push_back({columns[0].second[row], columns[i].second[row]});
    figure.line(columns[i].first, points, inks[(i + inks.size() - columns.size()) % inks.size()]);
  }
  figure.panel("the weight wₜ of the bound (DDPM.17)", time, {.low = 3e-4, .high = 1, .log = true});
  const auto weight = [&](const std::vector<double>& sigma2) {
    Points points;
    for (Index t = 2; t <= schedule.T; t += t < 100 ? 1 : 10) {
      const double beta = schedule.beta[at(t)];
      points.push_back({static_cast<double>(t), beta * beta /
                                                    (2 * sigma2[at(t)] * schedule.alpha[at(t)] *
                                                     (1 - schedule.alpha_bar[at(t)]))});
    }
    return points;
  };
  figure.line("σ² = β", weight(schedule.beta), Ink::blue);
  figure.line("σ² = β̃", weight(schedule.beta_tilde), Ink::orange);
  return figure;
}

const std::vector<NamedFigure>& all_figures() {
  static const std::vector<NamedFigure> figures = {{"strides", draw_strides},
                                                   {"tape", draw_tape},
                                                   {"differences", draw_differences},
                                                   {"activations", draw_activations},
                                                   {"products", draw_products},
                                                   {"tile_walk", draw_tile_walk},
                                                   {"group_norm", draw_group_norm},
                                                   {"online_softmax", draw_online_softmax},
                                                   {"time_embedding", draw_time_embedding},
                                                   {"average", draw_average},
                                                   {"register_tile", draw_register_tile},
                                                   {"interpolation", draw_interpolation},
                                                   {"gaussians", draw_gaussians},
                                                   {"divergences", draw_divergences},
                                                   {"bound", draw_bound},
                                                   {"schedules", draw_schedules},
                                                   {"marginals", draw_marginals},
                                                   {"posterior", draw_posterior},
                                                   {"loss_by_time", draw_loss_by_time},
                                                   {"scores", draw_scores},
                                                   {"variances", draw_variances},
                                                   {"paths", draw_paths},
                                                   {"ddim_steps", draw_ddim_steps},
                                                   {"guidance", draw_guidance}};
  return figures;
}

}  // namespace ink::apps
