// Chapter 6 of the derivations: group normalisation, its gradient, and how to compute a variance.
#include "autograd/gradcheck.h"
#include "tests/support/derivations.h"

namespace ink::test {
namespace {

constexpr Index kImages = 2, kPixels = 5, kChannels = 6, kGroups = 3;

// An input of (n, pixels, groups, channels of a group), and per-channel numbers of the same kind.
Tensor grouped(const Tensor& x) {
  const Index n = x.axes() == 1 ? 1 : kImages, pixels = x.axes() == 1 ? 1 : kPixels;
  return x.reshape({n, pixels, kGroups, kChannels / kGroups});
}
Tensor group_mean(const Tensor& x) { return mean(x, {1, 3}, true); }

// A normalisation with its upstream gradient and what came back, all grouped.
struct Norm {
  Tensor x, gamma, beta, y, dy, dx, dgamma, dbeta;
  Tensor x_hat, rstd;  // by the definition
  double epsilon = 1e-3;

  explicit Norm(bool silu) {
    Random random(1);
    const Variable in(random.normal({kImages, kPixels, kChannels}, 2, 3), true),
        scale(random.normal({kChannels}, 1), true), shift(random.normal({kChannels}), true);
    const Variable out = group_norm(
        in, scale, shift, {.groups = kGroups, .epsilon = static_cast<Real>(epsilon), .silu = silu});
    const Tensor upstream = random.normal(out.shape());
    out.backward(upstream);
    x = grouped(in.value()), gamma = grouped(scale.value()), beta = grouped(shift.value());
    y = grouped(out.value()), dy = grouped(upstream), dx = grouped(in.gradient());
    dgamma = grouped(scale.gradient()), dbeta = grouped(shift.gradient());
    const Tensor centred = x - group_mean(x);
    rstd = map(Reciprocal{}, sqrt(group_mean(square(centred)) + static_cast<Real>(epsilon)));
    x_hat = centred * rstd;
  }

  // (GN.4) for the gradient dz of gamma x_hat + beta.
  Tensor formula(const Tensor& dz) const {
    const Tensor g = gamma * dz;
    return rstd * (g - group_mean(g) - x_hat * group_mean(g * x_hat));
  }
};

const double kRounding = rounding(kPixels * kChannels);

double square_of(double x) { return x * x; }

// The mean and the mean square about `center`, in double.
double mean_of(const std::vector<float>& x) {
  double sum = 0;
  for (const float value : x) sum += static_cast<double>(value);
  return sum / static_cast<double>(x.size());
}
double mean_square(const std::vector<float>& x, double center) {
  double sum = 0;
  for (const float value : x) sum += square_of(static_cast<double>(value) - center);
  return sum / static_cast<double>(x.size());
}

std::vector<float> normal_floats(Index n, Real mean) {
  std::vector<float> values;
  for (const Real value : Random(3).normal({n}, mean).to_vector()) {
    values.push_back(static_cast<float>(value));
  }
  return values;
}

}  // namespace

TEST_SUITE_BEGIN("derivations");

TEST_CASE("(GN.1) (GN.2) (GN.3) each group gets mean 0 and variance 1, then gamma and beta") {
  const Norm plain(false), with_silu(true);
  const Tensor z = plain.gamma * plain.x_hat + plain.beta;
  check_close(plain.y, z, kRounding, "y");
  check_close(with_silu.y, silu(Variable(z)).value(), kRounding, "y with silu");
  // x_hat from y: its mean is 0 and its mean square V / (V + epsilon).
  const Tensor x_hat = (plain.y - plain.beta) / plain.gamma;
  const Tensor centred = plain.x - group_mean(plain.x);
  const Tensor variance = group_mean(square(centred));
  CHECK(norm(group_mean(x_hat)) < 10 * kRounding);
  check_close(group_mean(square(x_hat)), variance / (variance + Real(1e-3)), 10 * kRounding, "V");
}

TEST_CASE("(GN.1) mistake: the unbiased variance") {
  const Norm plain(false);
  constexpr Index kElements = kPixels * kChannels / kGroups;  // of a group
  const auto m = static_cast<double>(kElements);
  const Tensor wrong = plain.x_hat * static_cast<Real>(std::sqrt((m - 1) / m));
  check_wrong(plain.gamma * wrong + plain.beta, plain.y, 0.01);
}

TEST_CASE("(GN.4) the gradient loses its mean and its part along x_hat") {
  const Norm plain(false);
  check_close(plain.dx, plain.formula(plain.dy), kRounding, "dx");
  CHECK(norm(group_mean(plain.dx)) < kRounding * norm(plain.dx));
  // Along x_hat what is left is the share of epsilon in V + epsilon.
  const Tensor g = plain.gamma * plain.dy;
  const Tensor share = square(plain.rstd) * Real(1e-3);
  const Tensor left = plain.rstd * share * group_mean(g * plain.x_hat);
  CHECK(norm(group_mean(plain.dx * plain.x_hat) - left) < kRounding * norm(plain.dx));

  const Tensor x = plain.x.reshape({kImages, kPixels, kChannels});
  const auto f = [](const std::vector<Variable>& in) {
    return group_norm(in[0], in[1], in[2], {.groups = kGroups});
  };
  CHECK_NOTHROW(check_gradients("group_norm", f,
                                {x, plain.gamma.reshape({kChannels}), Tensor::ones({kChannels})}));
}

TEST_CASE("(GN.4) mistake: the statistics held constant") {
  const Norm plain(false);
  check_wrong(plain.rstd * plain.gamma * plain.dy, plain.dx);
}

TEST_CASE("(GN.5) the gradients of gamma and beta are sums over images and pixels") {
  const Norm plain(false);
  check_close(plain.dbeta, sum(plain.dy, {0, 1}, true), kRounding, "dbeta");
  check_close(plain.dgamma, sum(plain.dy * plain.x_hat, {0, 1}, true), kRounding, "dgamma");
}

TEST_CASE("(GN.5) mistake: x in place of x_hat") {
  const Norm plain(false);
  check_wrong(sum(plain.dy * plain.x, {0, 1}, true), plain.dgamma);
}

TEST_CASE("(GN.6) with SiLU, dz = dy silu'(z) takes the place of dy") {
  const Norm n(true);
  const Tensor z = n.gamma * n.x_hat + n.beta;
  const Tensor s = sigmoid(Variable(z)).value();
  const Tensor dz = n.dy * s * (1 + z * (1 - s));
  check_close(n.dx, n.formula(dz), kRounding, "dx");
  check_close(n.dbeta, sum(dz, {0, 1}, true), kRounding, "dbeta");
  check_close(n.dgamma, sum(dz * n.x_hat, {0, 1}, true), kRounding, "dgamma");
}

TEST_CASE("(GN.7) the mean square about c is V + (mean - c)^2") {
  const std::vector<float> x = normal_floats(1000, 2);
  const double mean = mean_of(x), variance = mean_square(x, mean);
  for (const double c : {0.0, 1.5, -3.0}) {
    check_near(mean_square(x, c), variance + square_of(mean - c), 1e-12, "mean square");
  }
}

TEST_CASE("(GN.7) mistake: the difference of two large numbers") {
  // In float, with a mean of 10,000 deviations. Even sums without error do not help: their values
  // near 1e8 are multiples of 8, and so is the difference.
  const std::vector<float> x = normal_floats(4096, 10000);
  const double exact = mean_square(x, mean_of(x));
  REQUIRE(exact == doctest::Approx(1).epsilon(0.1));
  const auto mean = static_cast<float>(mean_of(x));
  const auto squared_mean = static_cast<float>(square_of(static_cast<double>(mean)));
  const float wrong = static_cast<float>(mean_square(x, 0)) - squared_mean;
  CHECK(std::fabs(static_cast<double>(wrong) - exact) > 0.5);
  // About the rounded mean, the error is its square.
  CHECK(std::fabs(mean_square(x, static_cast<double>(mean)) - exact) < 1e-6);

  // What the kernel makes of them has variance 1. The mean is off by the rounding of 10,000; so are
  // those of the 512 parts that are joined, and their errors enter the variance as a random walk.
  std::vector<Real> values(x.begin(), x.end());
  const Tensor y = group_norm(Tensor::from(values, {1, 512, 8}), Tensor::ones({8}),
                              Tensor::zeros({8}), {.groups = 1})
                       .value();
  check_near(moments(y).mean, 0, 4 * kEpsilonOfReal * 1e4, "mean");
  check_near(moments(y).variance, exact / (exact + 1e-5),
             4 * kEpsilonOfReal * 1e4 / std::sqrt(512.), "variance");
}

TEST_CASE("(GN.8) the moments of two parts join to those of the whole") {
  const std::vector<float> whole = normal_floats(1000, 2);
  for (const int a : {1, 8, 999}) {
    const std::vector<float> first(whole.begin(), whole.begin() + a),
        second(whole.begin() + a, whole.end());
    const double b = 1000 - a, delta = mean_of(second) - mean_of(first);
    const double mean = mean_of(first) + b / 1000 * delta;
    const double squares = a * mean_square(first, mean_of(first)) +
                           b * mean_square(second, mean_of(second)) + a * b / 1000 * delta * delta;
    check_near(mean, mean_of(whole), 1e-12, "mean");
    check_near(squares / 1000, mean_square(whole, mean_of(whole)), 1e-12, "variance");
  }
}

TEST_SUITE_END();

}  // namespace ink::test
