// Part I: the figures of the chapters about the machine.
#include <algorithm>
#include <map>
#include <numbers>

#include "apps/figures/figures.h"
#include "autograd/ops.h"
#include "nn/layers.h"
#include "tensor/ops.h"
#include "tensor/random.h"

namespace ink::apps {
namespace {

Axis drawing(double low, double high) { return {.low = low, .high = high, .hidden = true}; }

double number(const Tensor& x, Index i) { return static_cast<double>(x.data()[i]); }

// A cell of a drawn matrix: row i from the top, column j, with its word inside.
void cell(Figure& figure, Point corner, Index i, Index j, const std::string& word, Ink ink) {
  const Point low{corner.x + static_cast<double>(j), corner.y - static_cast<double>(i) - 1};
  figure.box(low, {low.x + 1, low.y + 1}, ink, true);
  figure.box(low, {low.x + 1, low.y + 1}, Ink::faint);
  figure.text({low.x + 0.5, low.y + 0.5}, word);
}

}  // namespace

Figure draw_strides() {
  Figure figure("One storage of six numbers and three views of it", 3, 250, 230);
  const Tensor x = Tensor::arange(0, 6).reshape({2, 3});
  const auto draw = [&](const char* title, const Tensor& view) {
    figure.panel(title, drawing(0, 5), drawing(-5.6, 0));
    for (Index i = 0; i < view.size(0); ++i)
      for (Index j = 0; j < view.size(1); ++j)
        cell(figure, {0.5, -0.5}, i, j,
             fmt::format("{:g}", number(view.slice(0, i, i + 1).slice(1, j, j + 1), 0)), Ink::blue);
    figure.text({0, -5.2}, fmt::format("shape {}, strides {}", view.shape(), view.strides()),
                Ink::text, "start");
  };
  draw("x", x);
  draw("x.transpose(0, 1)", x.transpose(0, 1));
  draw("x.slice(0, 0, 1).expand({4, 3})", x.slice(0, 0, 1).expand({4, 3}));
  return figure;
}

Figure draw_differences() {
  // exp at 1, in float and in double: the error of a difference by its step. (AD.5) (AD.6)
  Figure figure("The error of a difference falls with the step, then rises", 2);
  const double truth = std::exp(1.0);
  const auto panel = [&](const char* title, auto zero, double low) {
    using T = decltype(zero);
    const auto f = [](double x) { return std::exp(static_cast<T>(x)); };
    const auto step = [](double h) {  // the step that is really made
      return static_cast<double>(static_cast<T>(static_cast<T>(1 + h) - T(1)));
    };
    figure.panel(title, {.label = "step h", .low = low, .high = 1, .log = true},
                 {.low = 1e-13, .high = 10, .log = true});
    figure.line(
        "one-sided",
        sampled(
            low, 0.5, 90,
            [&](double h) {
              return std::fabs(static_cast<double>(f(1 + step(h)) - f(1)) / step(h) - truth);
            },
            true),
        Ink::orange);
    figure.line("central",
                sampled(
                    low, 0.5, 90,
                    [&](double h) {
                      const double s = step(h);
                      return std::fabs(static_cast<double>(f(1 + s) - f(1 - s)) / (2 * s) - truth);
                    },
                    true),
                Ink::blue);
    figure.line("h² |f‴| / 6",
                sampled(
                    low, 0.5, 2, [&](double h) { return h * h * truth / 6; }, true),
                Ink::text, true);
  };
  panel("in float", 0.0F, 1e-6);
  panel("in double", 0.0, 1e-12);
  return figure;
}

Figure draw_activations() {
  Figure figure("Sigmoid, SiLU and GELU, and their derivatives", 2);
  const auto of = [](auto f) {
    return sampled(-6, 6, 121,
                   [f](double x) { return static_cast<double>(f(static_cast<Real>(x))); });
  };
  const auto slope = [&](auto f) { return of([f](Real x) { return f(Real(1), x); }); };
  figure.panel("values", {.label = "x", .low = -6, .high = 6}, {.low = -1, .high = 4});
  figure.line("σ", of(Sigmoid{}), Ink::green);
  figure.line("silu", of(Silu{}), Ink::blue);
  figure.line("gelu", of(Gelu{}), Ink::orange);
  figure.panel("derivatives", {.label = "x", .low = -6, .high = 6}, {.low = -0.2, .high = 1.2});
  figure.line("silu′", slope(SiluGrad{}), Ink::blue);
  figure.line("gelu′", slope(GeluGrad{}), Ink::orange);
  return figure;
}

Figure draw_products() {
  // m x k times k x n; the inner axis of each product is the one that vanishes.
  constexpr double m = 3, k = 2, n = 4;
  Figure figure("The shapes of a matrix product and of its two gradients", 3, 300, 220);
  const auto draw = [&](const char* title, const char* names[3], const double rows[3],
                        const double columns[3]) {
    figure.panel(title, drawing(0, 13), drawing(-6.2, 0));
    double x = 0.3;
    const char* const between[3] = {"=", "·", ""};
    for (int i = 0; i < 3; ++i) {
      const Point corner{x, -0.6 - rows[i]};
      figure.box(corner, {x + columns[i], -0.6}, i == 0 ? Ink::orange : Ink::blue, true);
      figure.box(corner, {x + columns[i], -0.6}, Ink::faint);
      figure.text({x + columns[i] / 2, -0.6 - rows[i] / 2}, names[i]);
      figure.text({x + columns[i] / 2, -0.9 - rows[i] - 0.3},
                  fmt::format("{:g} × {:g}", rows[i], columns[i]), Ink::text);
      figure.text({x + columns[i] + 0.45, -2}, between[i]);
      x += columns[i] + 0.9;
    }
  };
  const char* forward[3] = {"C", "A", "B"};
  const double forward_rows[3] = {m, m, k}, forward_columns[3] = {n, k, n};
  draw("C = A B", forward, forward_rows, forward_columns);
  const char* da[3] = {"dA", "dC", "Bᵀ"};
  const double da_rows[3] = {m, m, n}, da_columns[3] = {k, n, k};
  draw("dA = dC Bᵀ (MM.2)", da, da_rows, da_columns);
  const char* db[3] = {"dB", "Aᵀ", "dC"};
  const double db_rows[3] = {k, k, m}, db_columns[3] = {n, m, n};
  draw("dB = Aᵀ dC (MM.3)", db, db_rows, db_columns);
  return figure;
}

Figure draw_group_norm() {
  // One group of 12 values, gamma = 1. What comes from above is a pattern plus a constant plus a
  // multiple of x_hat; normalisation lets only the pattern through.
  constexpr Index kValues = 12;
  Random random(5);
  const Tensor x = random.normal({1, kValues, 1}, 3, 2);
  const Tensor dy = map(Shift{1}, random.normal({1, kValues, 1}));
  const Variable leaf(x, true), gamma(Tensor::ones({1})), beta(Tensor::zeros({1}));
  const Variable y = group_norm(leaf, gamma, beta, {.groups = 1});
  y.backward(dy);

  Figure figure("The gradient through GroupNorm loses its mean and its share along x_hat", 1, 760,
                260);
  figure.panel("one group of 12 values: what arrives and what goes on",
               {.label = "element of the group", .low = 0, .high = 13}, {.low = -2, .high = 4});
  const auto bars = [&](const char* name, const Tensor& values, double shift, Ink ink) {
    Points points;
    for (Index i = 0; i < kValues; ++i)
      points.push_back({static_cast<double>(i + 1) + shift, number(values, i)});
    figure.bars(name, points, ink, 0.24);
  };
  bars("g = γ dy", dy, -0.26, Ink::faint);
  bars("x̂", y.value(), 0, Ink::orange);
  bars("dx", leaf.gradient(), 0.26, Ink::blue);
  return figure;
}

Figure draw_online_softmax() {
  // 64 scores with a trend upwards, in blocks of 8, one value each. (ATT.3)
  constexpr Index kKeys = 64, kBlock = 8;
  Random random(6);
  const Tensor scores = random.normal({kKeys}), values = random.normal({kKeys});
  Points largest, sum, result, direct;
  double m = -INFINITY, z = 0, a = 0;
  for (Index first = 0; first < kKeys; first += kBlock) {
    double rising = m;
    const auto score = [&](Index j) { return number(scores, j) + static_cast<double>(j) / 12; };
    for (Index j = first; j < first + kBlock; ++j) rising = std::max(rising, score(j));
    const double shrink = std::exp(m - rising);
    z *= shrink, a *= shrink, m = rising;
    for (Index j = first; j < first + kBlock; ++j) {
      z += std::exp(score(j) - m);
      a += std::exp(score(j) - m) * number(values, j);
    }
    const auto seen = static_cast<double>(first + kBlock);
    largest.push_back({seen, m}), sum.push_back({seen, z}), result.push_back({seen, a / z});
  }
  Figure figure("Online softmax: the running sums block by block", 2);
  const Axis seen{.label = "keys seen", .low = 0, .high = 64};
  figure.panel("what is kept for one query", seen, {.low = 0, .high = 10});
  figure.line("m, the largest score", largest, Ink::orange);
  figure.line("z, the sum relative to it", sum, Ink::blue);
  figure.panel("a / z: exact for the keys seen so far", seen, {.low = -1.5, .high = 1.5});
  figure.line("a / z", result, Ink::blue);
  figure.line("softmax of all 64", {{8, a / z}, {64, a / z}}, Ink::text, true);
  return figure;
}

Figure draw_time_embedding() {
  constexpr Index kWidth = 32, kTimes = 200;
  const Tensor e = nn::timestep_embedding(Tensor::arange(0, kTimes), kWidth);  // (times, width)
  Figure figure("The time embedding: hands of clocks, and how alike two times are", 2);
  figure.panel("some of the hands: cos ωᵢ t", {.label = "t", .low = 0, .high = 200},
               {.low = -1.1, .high = 1.1});
  const std::array<Ink, 3> inks{Ink::faint, Ink::orange, Ink::blue};
  std::size_t ink = 0;
  for (const Index i : {2, 5, 8}) {
    Points hand;
    for (Index t = 0; t < kTimes; ++t)
      hand.push_back({static_cast<double>(t), number(e, t * kWidth + i)});
    figure.line(fmt::format("i = {}", i), hand, inks[ink++]);
  }
  figure.panel("⟨e(t), e(100)⟩, of 16 at most", {.label = "t", .low = 0, .high = 200},
               {.low = 0, .high = 16});
  Points alike;
  for (Index t = 0; t < kTimes; ++t) {
    double product = 0;
    for (Index c = 0; c < kWidth; ++c)
      product += number(e, t * kWidth + c) * number(e, 100 * kWidth + c);
    alike.push_back({static_cast<double>(t), product});
  }
  figure.line("16 hands", alike, Ink::blue);
  return figure;
}

Figure draw_average() {
  // The weights of the moving average after K steps, and what is left of the random start. (OPT.8)
  constexpr int kSteps = 1000;
  const auto decay = [](int k, double most) { return std::min(most, (k + 1.0) / (k + 10.0)); };
  const auto weights = [&](auto d) {
    Points points(kSteps);
    double later = 1;
    for (int k = kSteps; k >= 1; --k) {
      points[static_cast<std::size_t>(k - 1)] = {static_cast<double>(k), (1 - d(k)) * later};
      later *= d(k);
    }
    return points;
  };
  const auto start = [&](auto d) {
    Points points;
    double left = 1;
    for (int k = 1; k <= kSteps; ++k) points.push_back({static_cast<double>(k), left *= d(k)});
    return points;
  };
  const auto warmed = [&](int k) { return decay(k, 0.9999); };
  const auto constant = [](int) { return 0.9999; };
  Figure figure("The moving average of the parameters: with a warm-up it forgets its random start",
                2);
  figure.panel("the weight of step k after 1000 steps", {.label = "k", .low = 0, .high = 1000},
               {.low = 0, .high = 0.01});
  figure.line("with warm-up", weights(warmed), Ink::blue);
  figure.line("D = 0.9999 from the start", weights(constant), Ink::orange);
  figure.panel("the weight of the random start",
               {.label = "steps", .low = 1, .high = 1000, .log = true},
               {.low = 1e-9, .high = 1, .log = true});
  figure.line("with warm-up", start(warmed), Ink::blue);
  figure.line("D = 0.9999 from the start", start(constant), Ink::orange);
  return figure;
}

Figure draw_register_tile() {
  Figure figure("Loads for each multiply-add of a register tile", 1, 560, 260);
  figure.panel("loads for each multiply-add", {.label = "pixels p of a tile", .low = 1, .high = 16},
               {.low = 0, .high = 2});
  for (const int v : {1, 2, 3}) {
    Points points;
    // As long as the sums, a row of weights and one pixel fit 32 registers. (CPU.2)
    for (int p = 1; p * v + v + 1 <= 32 && p <= 16; ++p)
      points.push_back({static_cast<double>(p), static_cast<double>(p + v) / (p * v)});
    figure.line(fmt::format("v = {}", v), points,
                std::array{Ink::faint, Ink::blue, Ink::orange}[static_cast<std::size_t>(v - 1)]);
  }
  figure.line("what a core can do", {{1, 1}, {16, 1}}, Ink::text, true);
  return figure;
}

Figure draw_interpolation() {
  // M(x) / (x - p) / N_p: 1 at its own point and 0 at the others. (WINO.3)
  constexpr double a = 5.0 / 8, b = 3.0 / 2;
  const std::array<double, 5> points{0, a, -a, b, -b};
  Figure figure("The polynomials of degree four that are 1 at one point and 0 at the others", 2);
  const auto draw = [&](const std::string& title, const std::array<double, 5>& at) {
    figure.panel(title, {.label = "x", .low = -2.2, .high = 2.2}, {.low = -3, .high = 4});
    for (std::size_t chosen = 0; chosen < 5; chosen += 2) {
      const auto value = [&](double x) {
        double product = 1;
        for (std::size_t i = 0; i < 5; ++i)
          if (i != chosen) product *= (x - at[i]) / (at[chosen] - at[i]);
        return product;
      };
      figure.line(fmt::format("of {:g}", at[chosen]), sampled(-2.2, 2.2, 111, value),
                  std::array{Ink::blue, Ink::orange, Ink::green}[chosen / 2]);
    }
    Points zeros;
    for (const double x : at) zeros.push_back({x, 0});
    figure.dots("", zeros, Ink::text, 2.5);
  };
  draw("0, ±5/8, ±3/2", points);
  draw("0, ±1, ±2, as in the textbooks", {0, 1, -1, 2, -2});
  return figure;
}

}  // namespace ink::apps
