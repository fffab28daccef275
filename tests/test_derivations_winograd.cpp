// Chapter 10b of the derivations: Winograd's convolution.
#include <array>

#include "tensor/cpu/winograd.h"
#include "tests/support/derivations.h"

namespace ink::test {
namespace {

using namespace cpu::winograd;

// A small matrix.
template <class T>
struct MatrixOf {
  std::size_t rows, columns;
  std::vector<T> data;

  MatrixOf(std::size_t m, std::size_t n) : rows(m), columns(n), data(m * n) {}
  // Rounds the elements to T.
  template <class U>
  explicit MatrixOf(const MatrixOf<U>& x) : MatrixOf(x.rows, x.columns) {
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<T>(x.data[i]);
  }
  T& operator()(std::size_t i, std::size_t j) { return data[i * columns + j]; }
  T operator()(std::size_t i, std::size_t j) const { return data[i * columns + j]; }
};
using Matrix = MatrixOf<double>;

template <class T>
MatrixOf<T> operator*(const MatrixOf<T>& x, const MatrixOf<T>& y) {
  REQUIRE(x.columns == y.rows);
  MatrixOf<T> product(x.rows, y.columns);
  for (std::size_t i = 0; i < x.rows; ++i)
    for (std::size_t j = 0; j < y.columns; ++j)
      for (std::size_t k = 0; k < x.columns; ++k) product(i, j) += x(i, k) * y(k, j);
  return product;
}

template <class T>
MatrixOf<T> transposed(const MatrixOf<T>& x) {
  MatrixOf<T> result(x.columns, x.rows);
  for (std::size_t i = 0; i < x.rows; ++i)
    for (std::size_t j = 0; j < x.columns; ++j) result(j, i) = x(i, j);
  return result;
}

// t x t^T: a transform along both axes.
template <class T>
MatrixOf<T> on_both_axes(const MatrixOf<T>& t, const MatrixOf<T>& x) {
  return t * x * transposed(t);
}

Matrix absolute(Matrix x) {
  for (double& value : x.data) value = std::fabs(value);
  return x;
}

// The elementwise product.
template <class T>
MatrixOf<T> hadamard(MatrixOf<T> x, const MatrixOf<T>& y) {
  REQUIRE(x.data.size() == y.data.size());
  for (std::size_t i = 0; i < x.data.size(); ++i) x.data[i] *= y.data[i];
  return x;
}

double largest(const Matrix& x) {
  double result = 0;
  for (const double value : x.data) result = std::max(result, std::fabs(value));
  return result;
}

void check_matrix(const Matrix& got, const Matrix& expected, double tolerance) {
  REQUIRE(got.data.size() == expected.data.size());
  for (std::size_t i = 0; i < got.data.size(); ++i)
    check_near(got.data[i], expected.data[i], tolerance * largest(expected), "element");
}

Matrix normal(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  Random random(seed);
  Matrix result(rows, columns);
  const std::vector<Real> values = random.normal({static_cast<Index>(rows * columns)}).to_vector();
  std::copy(values.begin(), values.end(), result.data.begin());
  return result;
}

// The matrix of a line's transform: its columns are the images of the unit vectors.
template <auto kLine, int kFrom, int kTo>
Matrix matrix_of() {
  Matrix result(kTo, kFrom);
  for (std::size_t j = 0; j < kFrom; ++j) {
    cpu::Vector in[kFrom] = {}, out[kTo];
    in[j] += Real(1);
    kLine(in, out);
    for (std::size_t i = 0; i < kTo; ++i) result(i, j) = static_cast<double>(out[i][0]);
  }
  return result;
}

// A^T, B^T and G of (WINO.2).
struct Transforms {
  Matrix output, input, filter;
};
Transforms library() {
  return {matrix_of<transform_output, kWindow, kTile>(),
          matrix_of<transform_input, kWindow, kWindow>(),
          matrix_of<transform_filter, 3, kWindow>()};
}

// prod_j (x - p_j), the lowest coefficient first, filled up to six.
std::vector<double> polynomial_with_zeros(const std::vector<double>& points) {
  std::vector<double> c{1};
  for (const double p : points) {
    c.insert(c.begin(), 0);
    for (std::size_t i = 0; i + 1 < c.size(); ++i) c[i] -= p * c[i + 1];
  }
  c.resize(kWindow);
  return c;
}

// The same from the definition, for any five points: 10b.2.
Transforms from_points(const std::vector<double>& points) {
  Transforms t{{kTile, kWindow}, {kWindow, kWindow}, {kWindow, 3}};
  for (std::size_t i = 0; i < points.size(); ++i) {
    std::vector<double> others = points;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    double divisor = 1;
    for (const double other : others) divisor *= points[i] - other;
    const std::vector<double> c = polynomial_with_zeros(others);
    for (std::size_t j = 0; j < kWindow; ++j) t.input(i, j) = c[j];
    for (std::size_t j = 0; j < 3; ++j)
      t.filter(i, j) = std::pow(points[i], static_cast<double>(j)) / divisor;
    for (std::size_t j = 0; j < kTile; ++j)
      t.output(j, i) = std::pow(points[i], static_cast<double>(j));
  }
  const std::vector<double> c = polynomial_with_zeros(points);
  for (std::size_t j = 0; j < kWindow; ++j) t.input(kWindow - 1, j) = c[j];
  t.filter(kWindow - 1, 2) = t.output(kTile - 1, kWindow - 1) = 1;
  return t;
}

const std::vector<double> kPointsUsed{0, 0.625, -0.625, 1.5, -1.5};

// (WINO.1) for g (3, 1) and d (6, 1).
Matrix correlated(const Matrix& g, const Matrix& d) {
  Matrix y(kTile, 1);
  for (std::size_t k = 0; k < kTile; ++k)
    for (std::size_t i = 0; i < 3; ++i) y(k, 0) += g(i, 0) * d(k + i, 0);
  return y;
}

// The same for a square g (3, 3) and d (6, 6).
Matrix correlated_square(const Matrix& g, const Matrix& d) {
  Matrix y(kTile, kTile);
  for (std::size_t i = 0; i < kTile; ++i)
    for (std::size_t j = 0; j < kTile; ++j)
      for (std::size_t u = 0; u < 3; ++u)
        for (std::size_t v = 0; v < 3; ++v) y(i, j) += g(u, v) * d(i + u, j + v);
  return y;
}

void add(Matrix& to, const Matrix& x) {
  for (std::size_t i = 0; i < x.data.size(); ++i) to.data[i] += x.data[i];
}

Matrix by_points(const Transforms& t, const Matrix& g, const Matrix& d) {
  return t.output * hadamard(t.filter * g, t.input * d);
}

// A convolution that suits the algorithm, whose tiles stick out at both edges.
struct Example {
  Tensor x, w, dy;

  Example() {
    Random random(3);
    x = random.normal({2, 9, 6, 16});
    w = random.normal({32, 3, 3, 16});
    dy = random.normal({2, 9, 6, 32});
  }
};

}  // namespace

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
  const Example e;
  const Tensor got = conv2d(e.x, e.w, {.padding = 1}).value();
  const Tensor expected = composed::conv2d(e.x, e.w, {.padding = 1}).value();
  check_close(got, expected, 8 * rounding(9 * 16));
}

TEST_CASE("(WINO.8) the gradient of the filter goes back by the adjoints") {
  const Transforms t = library();
  const Matrix a = matrix_of<transform_output_adjoint, kTile, kWindow>();
  const Matrix g = matrix_of<transform_filter_adjoint, kWindow, 3>();
  check_matrix(a, transposed(t.output), rounding());
  check_matrix(g, transposed(t.filter), rounding());

  const Example e;
  const auto gradient = [&e](auto op) {
    const Variable w(e.w, true);
    op(Variable(e.x), w, Conv2dOptions{.padding = 1}, Conv2dTerms{}).backward(e.dy);
    return w.gradient();
  };
  check_close(gradient(conv2d), gradient(composed::conv2d), 8 * rounding(2 * 9 * 6));
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
    const Rounded g(normal(3, 3, 2 * seed)), d(normal(kWindow, kWindow, 2 * seed + 1));
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

TEST_CASE("(WINO.9) the rounding error stays below its bound, and far below it on average") {
  constexpr std::size_t kChannels = 64, kOutputs = 16;
  Random random(5);
  const Tensor x = random.normal({1, kTile, kTile, kChannels});
  const Tensor w = random.normal({kOutputs, 3, 3, kChannels});
  const std::vector<Real> got = conv2d(x, w, {.padding = 1}).value().to_vector();
  const std::vector<Real> xs = x.to_vector(), ws = w.to_vector();

  const Transforms t = library();
  const Matrix output = absolute(t.output), input = absolute(t.input), filter = absolute(t.filter);
  double squares = 0, size = 0;
  for (std::size_t o = 0; o < kOutputs; ++o) {
    Matrix expected(kTile, kTile), products(kWindow, kWindow);
    for (std::size_t c = 0; c < kChannels; ++c) {
      Matrix d(kWindow, kWindow), g(3, 3);
      for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t j = 0; j < 3; ++j)
          g(i, j) = static_cast<double>(ws[((o * 3 + i) * 3 + j) * kChannels + c]);
      for (std::size_t i = 0; i < kTile; ++i)
        for (std::size_t j = 0; j < kTile; ++j)
          d(i + 1, j + 1) = static_cast<double>(xs[(i * kTile + j) * kChannels + c]);
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

}  // namespace ink::test
