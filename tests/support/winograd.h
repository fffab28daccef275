// Winograd's matrices, those of the library and from the definition, and small matrices in double
// to hold them against.
#pragma once

#include <array>

#include "tensor/cpu/winograd_phases.h"
#include "tests/support/derivations.h"

namespace ink::test {

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

inline Matrix absolute(Matrix x) {
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

inline double largest(const Matrix& x) {
  double result = 0;
  for (const double value : x.data) result = std::max(result, std::fabs(value));
  return result;
}

inline void check_matrix(const Matrix& got, const Matrix& expected, double tolerance) {
  REQUIRE(got.data.size() == expected.data.size());
  for (std::size_t i = 0; i < got.data.size(); ++i)
    check_near(got.data[i], expected.data[i], tolerance * largest(expected), "element");
}

inline Matrix normal(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  Random random(seed);
  Matrix result(rows, columns);
  const std::vector<Real> values = random.normal({static_cast<Index>(rows * columns)}).to_vector();
  std::copy(values.begin(), values.end(), result.data.begin());
  return result;
}

// The matrix of a line's transform: its columns are the images of the unit vectors.
template <auto kLine>
Matrix matrix_of() {
  constexpr Lengths size = lengths(kLine);
  Matrix result(size.to, size.from);
  for (std::size_t j = 0; j < size.from; ++j) {
    cpu::Vector in[size.from] = {}, out[size.to];
    in[j] += Real(1);
    kLine(in, out);
    for (std::size_t i = 0; i < size.to; ++i) result(i, j) = static_cast<double>(out[i][0]);
  }
  return result;
}

// The first rows.
inline Matrix top(const Matrix& x, std::size_t rows) {
  Matrix result(rows, x.columns);
  std::copy_n(x.data.begin(), result.data.size(), result.data.begin());
  return result;
}

// Without the library's scale. (WINO.14)
inline Matrix unscaled(Matrix filter) {
  for (double& value : filter.data) value /= static_cast<double>(kFilterScale);
  return filter;
}

// A^T, B^T and G of (WINO.2), or of a line with fewer points. (WINO.10)
struct Transforms {
  Matrix output, input, filter;
};
template <int Points = kWindow>
Transforms library() {
  return {matrix_of<transform_output<Points>>(), matrix_of<transform_input<Points>>(),
          top(unscaled(matrix_of<transform_filter>()), Points)};
}

// prod_j (x - p_j), the lowest coefficient first, filled up to `count`.
inline std::vector<double> polynomial_with_zeros(const std::vector<double>& points,
                                                 std::size_t count) {
  std::vector<double> c{1};
  for (const double p : points) {
    c.insert(c.begin(), 0);
    for (std::size_t i = 0; i + 1 < c.size(); ++i) c[i] -= p * c[i + 1];
  }
  c.resize(count);
  return c;
}

// The same from the definition, for any finite points and infinity: 10b.2.
inline Transforms from_points(const std::vector<double>& points) {
  const std::size_t window = points.size() + 1, tile = window - 2;
  Transforms t{{tile, window}, {window, window}, {window, 3}};
  for (std::size_t i = 0; i < points.size(); ++i) {
    std::vector<double> others = points;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    double divisor = 1;
    for (const double other : others) divisor *= points[i] - other;
    const std::vector<double> c = polynomial_with_zeros(others, window);
    for (std::size_t j = 0; j < window; ++j) t.input(i, j) = c[j];
    for (std::size_t j = 0; j < 3; ++j)
      t.filter(i, j) = std::pow(points[i], static_cast<double>(j)) / divisor;
    for (std::size_t j = 0; j < tile; ++j)
      t.output(j, i) = std::pow(points[i], static_cast<double>(j));
  }
  const std::vector<double> c = polynomial_with_zeros(points, window);
  for (std::size_t j = 0; j < window; ++j) t.input(window - 1, j) = c[j];
  t.filter(window - 1, 2) = t.output(tile - 1, window - 1) = 1;
  return t;
}

inline const std::vector<double> kPointsUsed{0, 0.625, -0.625, 1.5, -1.5};

// (WINO.1) for g (3, 1) and d (n, 1): n - 2 results.
inline Matrix correlated(const Matrix& g, const Matrix& d) {
  Matrix y(d.rows - 2, 1);
  for (std::size_t k = 0; k < y.rows; ++k)
    for (std::size_t i = 0; i < 3; ++i) y(k, 0) += g(i, 0) * d(k + i, 0);
  return y;
}

// The same for a square g (3, 3) and d (n, n).
inline Matrix correlated_square(const Matrix& g, const Matrix& d) {
  Matrix y(d.rows - 2, d.columns - 2);
  for (std::size_t i = 0; i < y.rows; ++i)
    for (std::size_t j = 0; j < y.columns; ++j)
      for (std::size_t u = 0; u < 3; ++u)
        for (std::size_t v = 0; v < 3; ++v) y(i, j) += g(u, v) * d(i + u, j + v);
  return y;
}

inline void add(Matrix& to, const Matrix& x) {
  for (std::size_t i = 0; i < x.data.size(); ++i) to.data[i] += x.data[i];
}

inline Matrix by_points(const Transforms& t, const Matrix& g, const Matrix& d) {
  return t.output * hadamard(t.filter * g, t.input * d);
}

// A convolution that suits the algorithm, of images of some size.
struct Example {
  Tensor x, w, dy;

  explicit Example(const std::array<Index, 2>& size) {
    const auto [rows, columns] = size;
    Random random(3);
    x = random.normal({3, rows, columns, 16});
    w = random.normal({32, 3, 3, 16});
    dy = random.normal({3, rows, columns, 32});
  }
};
// Tiles at the edges with every number of rows and columns; in the last, a chunk of dw has more
// tiles than a group takes.
inline constexpr std::array<Index, 2> kSizes[] = {{8, 4},  {9, 6}, {7, 11}, {14, 13},
                                                  {3, 17}, {2, 1}, {37, 41}};

}  // namespace ink::test
