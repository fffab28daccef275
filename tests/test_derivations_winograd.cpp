// Chapter 10b of the derivations: Winograd's convolution.
#include "tests/support/winograd.h"

namespace ink::test {

TEST_CASE("(WINO.2) six products give the four results of three taps") {
  const Matrix g = normal(3, 1, 1), d = normal(kWindow, 1, 2);
  check_matrix(by_points(library(), g, d), correlated(g, d), 20 * kEpsilonOfReal);
}

TEST_CASE("(WINO.2) mistake: the filter flipped") {
  const Matrix g = normal(3, 1, 1), d = normal(kWindow, 1, 2);
  Matrix flipped = g;
  std::swap(flipped(0, 0), flipped(2, 0));
  const Matrix wrong = by_points(library(), flipped, d), right = correlated(g, d);
  CHECK(std::fabs(wrong(0, 0) - right(0, 0)) > 0.05 * largest(right));
}

TEST_CASE("(WINO.4) the input is mapped by the coefficients of M / (x - p)") {
  check_matrix(library().input, from_points(kPointsUsed).input, rounding());
}

TEST_CASE("(WINO.5) the filter is evaluated at the points and divided") {
  check_matrix(library().filter, from_points(kPointsUsed).filter, rounding());
}

TEST_CASE("(WINO.6) the results are sums over the points times their powers") {
  check_matrix(library().output, from_points(kPointsUsed).output, rounding());
}

TEST_CASE("(WINO.7) a square is transformed along both axes, its channels are summed before") {
  for (const std::array<Index, 2>& size : kSizes) {
    CAPTURE(size[0]);
    CAPTURE(size[1]);
    const Example e(size);
    const Tensor got = conv2d(e.x, e.w, {.padding = 1}).value();
    const Tensor expected = composed::conv2d(e.x, e.w, {.padding = 1}).value();
    check_close(got, expected, 8 * rounding(9 * 16));
  }
}

TEST_CASE("(WINO.8) the gradient of the filter goes back by the adjoints") {
  const Transforms t = library();
  const Matrix a = matrix_of<transform_output_adjoint<kWindow>>();
  const Matrix g = unscaled(matrix_of<transform_filter_adjoint>());
  check_matrix(a, transposed(t.output), rounding());
  check_matrix(g, transposed(t.filter), rounding());

  for (const std::array<Index, 2>& size : kSizes) {
    CAPTURE(size[0]);
    CAPTURE(size[1]);
    const Example e(size);
    const auto gradient = [&e](auto op) {
      const Variable w(e.w, true);
      op(Variable(e.x), w, Conv2dOptions{.padding = 1}, Conv2dTerms{}).backward(e.dy);
      return w.gradient();
    };
    check_close(gradient(conv2d), gradient(composed::conv2d),
                8 * rounding(static_cast<double>(e.dy.count() / 32)));
  }
}

TEST_CASE("(WINO.8) mistake: the divisors left out") {
  const Transforms t = library();
  const Matrix d = normal(kWindow, 1, 2), dy = normal(kTile, 1, 4);
  const Matrix products = hadamard(transposed(t.output) * dy, t.input * d);
  Matrix powers = transposed(t.filter);
  for (std::size_t j = 0; j < kWindow; ++j) {
    const double divisor = powers(0, j);
    for (std::size_t i = 0; i < 3 && divisor != 0; ++i) powers(i, j) /= divisor;
  }
  // dg_i = sum_k dy_k d_{k + i}, from (WINO.1).
  Matrix expected(3, 1);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t k = 0; k < kTile; ++k) expected(i, 0) += dy(k, 0) * d(k + i, 0);
  check_matrix(transposed(t.filter) * products, expected, 50 * kEpsilonOfReal);
  CHECK(std::fabs((powers * products)(0, 0) - expected(0, 0)) > 0.05 * largest(expected));
}

// Lines with one and with two results fewer: (r + 2) products give r results.
template <int Points>
void check_short_line() {
  const Transforms t = library<Points>();
  const Matrix g = normal(3, 1, 1), d = normal(Points, 1, 2), dy = normal(Points - 2, 1, 4);
  check_matrix(by_points(t, g, d), correlated(g, d), 20 * kEpsilonOfReal);
  check_matrix(matrix_of<transform_output_adjoint<Points>>(), transposed(t.output), rounding());
  // The powers are the same, so that one filter serves every tile.
  const Matrix output = transposed(top(transposed(library().output), Points));
  check_matrix(t.output, top(output, Points - 2), rounding());
}

TEST_CASE("(WINO.10) the point at infinity serves the last result alone") {
  check_short_line<5>();
  const Matrix whole = library().output, input = library().input;
  for (std::size_t k = 0; k + 1 < kTile; ++k) CHECK(whole(k, kWindow - 1) == 0);
  for (std::size_t p = 0; p + 1 < kWindow; ++p) CHECK(input(p, kWindow - 1) == 0);
}

TEST_CASE("(WINO.11) of two results the free input makes the value at -b zero") {
  check_short_line<4>();
  Matrix d = normal(kWindow, 1, 2);
  const double a2 = 0.625 * 0.625, b = 1.5;
  d(4, 0) = a2 * d(2, 0) + b * d(3, 0) - a2 * b * d(1, 0);
  const Matrix v = library().input * d, of_four = library<4>().input * top(d, 4);
  CHECK(std::fabs(v(4, 0)) < 10 * kEpsilonOfReal * largest(v));
  check_matrix(of_four, top(v, 4), 10 * kEpsilonOfReal);
}

TEST_CASE("(WINO.11) mistake: the free input taken for zero") {
  Matrix d(kWindow, 1), g(3, 1);  // d_4 and d_5 are 0, as beyond the edge of an image
  for (std::size_t i = 0; i < 4; ++i) d(i, 0) = 1;
  for (std::size_t i = 0; i < 3; ++i) g(i, 0) = 1;
  const Matrix right = correlated(g, top(d, 4));
  Matrix products = hadamard(library().filter * g, library().input * d);
  products(4, 0) = products(5, 0) = 0;
  const Matrix wrong = library().output * products;
  CHECK(std::fabs(wrong(0, 0) - right(0, 0)) > 0.05 * largest(right));
}

TEST_CASE("conv2d, norm_conv2d: an empty batch has an empty result and no gradient") {
  const Variable x(Tensor::zeros({0, 8, 8, 16}), true), w(Tensor::ones({16, 3, 3, 16}), true);
  const Variable gamma(Tensor::ones({16}), true), beta(Tensor::zeros({16}), true);
  const Tensor dy = Tensor::zeros({0, 8, 8, 16});
  for (const bool fused : {false, true}) {
    const Variable y = fused ? norm_conv2d(x, gamma, beta, {.groups = 4}, w, {.padding = 1})
                             : conv2d(x, w, {.padding = 1});
    CHECK(y.shape() == dy.shape());
    y.backward(dy);
    CHECK(equal(w.gradient(), Tensor::zeros(w.shape())));
  }
}

// The relative rms error of a tile in float, over many draws.
double error_in_float(const Transforms& t) {
  using Rounded = MatrixOf<float>;
  const Rounded output(t.output), input(t.input), filter(t.filter);
  double error = 0, size = 0;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const Rounded g(normal(3, 3, 2 * seed)), d(normal(t.input.rows, t.input.rows, 2 * seed + 1));
    const Matrix got(
        on_both_axes(output, hadamard(on_both_axes(filter, g), on_both_axes(input, d))));
    const Matrix expected = correlated_square(Matrix(g), Matrix(d));
    for (std::size_t i = 0; i < got.data.size(); ++i) {
      error += std::pow(got.data[i] - expected.data[i], 2);
      size += std::pow(expected.data[i], 2);
    }
  }
  return std::sqrt(error / size);
}

TEST_CASE("(WINO.3) mistake: the points of the textbook") {
  const double ours = error_in_float(from_points(kPointsUsed));
  const double textbook = error_in_float(from_points({0, 1, -1, 2, -2}));
  CHECK_MESSAGE(textbook > 1.5 * ours, "textbook ", textbook, ", ours ", ours);
}

TEST_CASE("(WINO.14) a scale makes the filter's transform exact in binary") {
  Matrix exact = from_points(kPointsUsed).filter;
  const double a2 = 0.625 * 0.625, b2 = 1.5 * 1.5, scale = a2 * b2 * (b2 - a2) / 2;
  for (double& value : exact.data) value *= scale;
  const Matrix filter = matrix_of<transform_filter>();
  check_matrix(filter, exact, 1e-15);
  for (const double value : filter.data)
    CHECK(std::ldexp(value, 15) == std::rint(std::ldexp(value, 15)));
}

TEST_CASE("(WINO.14) mistake: the divisors rounded one by one") {
  const Transforms exact = from_points(kPointsUsed);
  Transforms rounded = exact;
  rounded.filter = Matrix(MatrixOf<float>(exact.filter));
  double error = 0, error_of_scaled = 0, size = 0;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const Matrix g = normal(3, 1, 2 * seed), d = normal(kWindow, 1, 2 * seed + 1);
    const Matrix y = correlated(g, d), wrong = by_points(rounded, g, d);
    const Matrix right = by_points(library(), g, d);
    for (std::size_t k = 0; k < kTile; ++k) {
      error += std::pow(wrong(k, 0) - y(k, 0), 2);
      error_of_scaled += std::pow(right(k, 0) - y(k, 0), 2);
      size += std::pow(y(k, 0), 2);
    }
  }
  constexpr double kEpsilonOfFloat = std::numeric_limits<float>::epsilon();
  CHECK(std::sqrt(error / size) > 0.2 * kEpsilonOfFloat);
  CHECK(std::sqrt(error_of_scaled / size) < 1e-14);
}

TEST_CASE("(WINO.9) larger tiles lose more digits, at the best points that were found") {
  const double ours = error_in_float(from_points(kPointsUsed));
  const double six = error_in_float(from_points({0, 0.5, -0.5, 1, -1, 2, -2}));
  const double seven =
      error_in_float(from_points({0.25, -0.25, 0.625, -0.625, 1.125, -1.125, 2, -2}));
  MESSAGE("in units of F(4x4): F(6x6) ", six / ours, ", F(7x7) ", seven / ours);
  CHECK(six > 3 * ours);
  CHECK(seven > 8 * ours);
}

// Holds the error of one tile with Points - 2 rows and columns below its bound.
template <int Points>
void check_rounding_error() {
  constexpr std::size_t kSide = Points - 2, kChannels = 64, kOutputs = 16;
  Random random(5);
  const Tensor x = random.normal({1, kSide, kSide, kChannels});
  const Tensor w = random.normal({kOutputs, 3, 3, kChannels});
  const std::vector<Real> got = conv2d(x, w, {.padding = 1}).value().to_vector();
  const std::vector<Real> xs = x.to_vector(), ws = w.to_vector();

  const Transforms t = library<Points>();
  const Matrix output = absolute(t.output), input = absolute(t.input), filter = absolute(t.filter);
  double squares = 0, size = 0;
  for (std::size_t o = 0; o < kOutputs; ++o) {
    Matrix expected(kSide, kSide), products(Points, Points);
    for (std::size_t c = 0; c < kChannels; ++c) {
      Matrix d(Points, Points), g(3, 3);
      for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t j = 0; j < 3; ++j)
          g(i, j) = static_cast<double>(ws[((o * 3 + i) * 3 + j) * kChannels + c]);
      for (std::size_t i = 0; i < kSide; ++i)
        for (std::size_t j = 0; j < kSide; ++j)
          d(i + 1, j + 1) = static_cast<double>(xs[(i * kSide + j) * kChannels + c]);
      add(expected, correlated_square(g, d));
      add(products, hadamard(on_both_axes(filter, absolute(g)), on_both_axes(input, absolute(d))));
    }
    const Matrix bound = on_both_axes(output, products);
    for (std::size_t p = 0; p < expected.data.size(); ++p) {
      const double error = std::fabs(static_cast<double>(got[p * kOutputs + o]) - expected.data[p]);
      CHECK(error <= (kChannels + 30) * kEpsilonOfReal * bound.data[p]);
      squares += error * error;
      size += expected.data[p] * expected.data[p];
    }
  }
  CHECK(std::sqrt(squares / size) < 20 * kEpsilonOfReal);  // 2e-6 in float
}

TEST_CASE("(WINO.9) the rounding error stays below its bound, and far below it on average") {
  check_rounding_error<6>();
  check_rounding_error<5>();
  check_rounding_error<4>();
}

}  // namespace ink::test
