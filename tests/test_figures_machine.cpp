// The figures of Part I: what is drawn against the closed form.
#include <array>
#include <numbers>

#include "autograd/ops.h"
#include "tests/support/diffusion.h"
#include "tests/support/figures.h"

namespace ink::test {
namespace {

using apps::Drawn;
using apps::Figure;
using apps::Points;

constexpr double kDrawn = 1e-12;
const double kReal = 4 * kEpsilonOfReal;

}  // namespace

TEST_SUITE_BEGIN("figures");

TEST_CASE("figure strides: (TEN.1) (TEN.7) (TEN.8)") {
  const Figure figure = apps::draw_strides();
  const auto words = [&](const char* panel) {
    std::string text;
    for (const Drawn& drawn : figure.all_drawn())
      if (drawn.panel == panel && drawn.name.size() == 1) text += drawn.name;
    return text;
  };
  CHECK(words("x") == "012345");
  CHECK(words("x.transpose(0, 1)") == "031425");
  CHECK(words("x.slice(0, 0, 1).expand({4, 3})") == "012012012012");
}

TEST_CASE("figure tape: every line of print_graph is a box, every input an arrow") {
  const Figure figure = apps::draw_tape();
  int linear = 0, silu = 0, leaves = 0;
  for (const Drawn& drawn : figure.all_drawn()) {
    linear += drawn.name.find(" linear") != std::string::npos;
    silu += drawn.name.find(" silu") != std::string::npos;
    leaves += drawn.name.find(" leaf") != std::string::npos;
  }
  CHECK(linear == 2);
  CHECK(silu == 2);
  CHECK(leaves == 2);
  // w and b into both linears, those into the silus, both into the sum, that into the loss.
  const Drawn& arrows = figure.all_drawn()[0];
  CHECK(arrows.by.size() == 4 + 2 + 2 + 1);
  for (const auto& by : arrows.by) CHECK(by.x > 0);
}

TEST_CASE("figure differences: (AD.5) (AD.6)") {
  const Figure figure = apps::draw_differences();
  const auto smallest = [&](const char* panel, const char* name) {
    double least = 1;
    for (const auto& point : figure.drawn(panel, name).points)
      if (point.y > 0) least = std::min(least, point.y);
    return least;
  };
  // At the best step about eps^(2/3), one-sided eps^(1/2); single points may be luckier.
  CHECK(smallest("in double", "central") < 1e-10);
  CHECK(smallest("in float", "central") < 1e-4);
  for (const char* const panel : {"in float", "in double"}) {
    const double least = std::string(panel) == "in float" ? 0.1 : 1e-3;
    for (const auto& [h, error] : figure.drawn(panel, "central").points)
      if (h > least)
        check_near(error, std::exp(1.0) * h * h / 6, 0.1 * std::exp(1.0) * h * h / 6 + 1e-7);
  }
}

TEST_CASE("figure activations: (ACT.1) (ACT.3) (ACT.4) (ACT.8) (ACT.9)") {
  const Figure figure = apps::draw_activations();
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  const auto silu = [&](double x) { return x * sigmoid(x); };
  const auto gelu = [](double x) { return x * std::erfc(-x / std::numbers::sqrt2) / 2; };
  check_curve(figure, "values", "σ", sigmoid, 4 * kReal, 1);
  check_curve(figure, "values", "silu", silu, 4 * kReal, 1);
  check_curve(figure, "values", "gelu", gelu, 4 * kReal, 1);
  const auto slope = [](const auto& f) {
    return [f](double x) { return (f(x + 1e-5) - f(x - 1e-5)) / 2e-5; };
  };
  check_curve(figure, "derivatives", "silu′", slope(silu), 4 * kReal + 1e-9, 1);
  check_curve(figure, "derivatives", "gelu′", slope(gelu), 4 * kReal + 1e-9, 1);
}

TEST_CASE("figure tile_walk: (CONV.1), and each pixel is read as often as its gradient says") {
  // With weights of 1 the gradient of the sum of a tile counts how often a pixel was read.
  const Variable x(Tensor::zeros({1, 5, 8, 1}), true);
  const Variable y = conv2d(x, Variable(Tensor::ones({1, 3, 3, 1})), {.stride = 1, .padding = 1});
  Tensor dy = Tensor::zeros(y.shape());
  dy.slice(1, 2, 3).slice(2, 4, 8).fill_(1);
  y.backward(dy);
  Tensor reads = Tensor::zeros({1, 5, 8, 1});
  const Figure figure = apps::draw_tile_walk();
  const char* const panel = "x: what tile 2 reads, tap by tap";
  const Points& taps = figure.drawn(panel, "one tap: four neighbouring pixels").points;
  CHECK(taps.size() == 9);
  for (const auto& [at_x, at_y] : taps) {
    const auto i = static_cast<Index>(-at_y), first = static_cast<Index>(at_x);
    for (Index j = first; j < std::min<Index>(first + 4, 8); ++j)
      reads.mutable_data()[i * 8 + j] += 1;
  }
  CHECK(equal(reads, x.gradient()));
}

TEST_CASE("figure group_norm: (GN.4)") {
  const Figure figure = apps::draw_group_norm();
  const char* const panel = "one group of 12 values: what arrives and what goes on";
  const Points &g = figure.drawn(panel, "g = γ dy").points,
               &x_hat = figure.drawn(panel, "x̂").points, &dx = figure.drawn(panel, "dx").points;
  double mean_g = 0, mean_gx = 0, rstd = 0;
  for (std::size_t i = 0; i < 12; ++i) mean_g += g[i].y / 12, mean_gx += g[i].y * x_hat[i].y / 12;
  const auto through = [&](std::size_t i) { return g[i].y - mean_g - x_hat[i].y * mean_gx; };
  rstd = dx[0].y / through(0);
  CHECK(rstd > 0.2);
  CHECK(rstd < 1);
  for (std::size_t i = 0; i < 12; ++i) check_near(dx[i].y, rstd * through(i), 100 * kReal);
}

TEST_CASE("figure online_softmax: (ATT.3)") {
  const Figure figure = apps::draw_online_softmax();
  // The same 64 scores and values, all at once.
  Random random(6);
  const Tensor scores = random.normal({64}), values = random.normal({64});
  std::array<double, 64> score{};
  for (Index j = 0; j < 64; ++j)
    score[at(j)] = static_cast<double>(scores.data()[j]) + static_cast<double>(j) / 12;
  for (const auto& [seen, result] :
       figure.drawn("a / z: exact for the keys seen so far", "a / z").points) {
    double z = 0, a = 0;
    for (std::size_t j = 0; j < static_cast<std::size_t>(seen); ++j) {
      z += std::exp(score[j]);
      a += std::exp(score[j]) * static_cast<double>(values.data()[j]);
    }
    check_near(result, a / z, kDrawn);
  }
}

TEST_CASE("figure time_embedding: (EMB.1) (EMB.2)") {
  const Figure figure = apps::draw_time_embedding();
  const auto frequency = [](int i) { return std::pow(10000, -i / 16.0); };
  check_curve(
      figure, "some of the hands: cos ωᵢ t", "i = 5",
      [&](double t) { return std::cos(frequency(5) * t); }, 4 * kReal, 1);
  check_curve(
      figure, "⟨e(t), e(100)⟩, of 16 at most", "16 hands",
      [&](double t) {
        double sum = 0;
        for (int i = 0; i < 16; ++i) sum += std::cos(frequency(i) * (t - 100));
        return sum;
      },
      4 * kReal, 16);
}

TEST_CASE("figure average: (OPT.5) (OPT.8)") {
  const Figure figure = apps::draw_average();
  const char *const weights = "the weight of step k after 1000 steps",
                    *const start = "the weight of the random start";
  check_curve(
      figure, start, "with warm-up",
      [](double K) {
        double product = 1;
        for (int j = 2; j <= 10; ++j) product *= j / (K + j);
        return product;
      },
      1e-10);
  check_curve(
      figure, start, "D = 0.9999 from the start", [](double K) { return std::pow(0.9999, K); },
      1e-10);
  for (const char* const name : {"with warm-up", "D = 0.9999 from the start"}) {
    double total = figure.drawn(start, name).points.back().y;
    for (const auto& point : figure.drawn(weights, name).points) total += point.y;
    check_near(total, 1, 1e-12, name);
  }
}

TEST_CASE("figure register_tile: (CPU.2)") {
  const Figure figure = apps::draw_register_tile();
  for (const int v : {1, 2, 3}) {
    const Points& points =
        figure.drawn("loads for each multiply-add", fmt::format("v = {}", v)).points;
    for (const auto& [p, loads] : points) check_near(loads, 1 / p + 1.0 / v, kDrawn);
    CHECK(points.back().x == std::min(16, (32 - v - 1) / v));
  }
}

TEST_CASE("figure interpolation: 1 at its own point, 0 at the others") {
  const Figure figure = apps::draw_interpolation();
  // Through five values of a curve of degree four, by differences: the sixth follows.
  const Points& curve = figure.drawn("0, ±5/8, ±3/2", "of 0").points;
  // M(x) / x / N_0 = (x^2 - a^2)(x^2 - b^2) / a^2 b^2 (WINO.4)
  for (const auto& [x, y] : curve)
    check_near(y, (x * x - 0.390625) * (x * x - 2.25) / (0.390625 * 2.25), 1e-12 * 30);
}

TEST_CASE("figure products: the inner sizes agree") {
  const Figure figure = apps::draw_products();
  for (const char* const panel : {"C = A B", "dA = dC Bᵀ (MM.2)", "dB = Aᵀ dC (MM.3)"}) {
    std::vector<std::pair<int, int>> sizes;
    for (const Drawn& drawn : figure.all_drawn())
      if (drawn.panel == panel && drawn.name.find("×") != std::string::npos)
        sizes.push_back({drawn.name.front() - '0', drawn.name.back() - '0'});
    REQUIRE(sizes.size() == 3);
    CHECK(sizes[0].first == sizes[1].first);
    CHECK(sizes[0].second == sizes[2].second);
    CHECK(sizes[1].second == sizes[2].first);
  }
}

TEST_SUITE_END();

}  // namespace ink::test
