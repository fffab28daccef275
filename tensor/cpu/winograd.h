// Winograd's short convolution F(4, 3): four results of a three-tap filter from six products
// instead of twelve (Winograd, "Arithmetic Complexity of Computations", 1980; Lavin & Gray, "Fast
// Algorithms for Convolutional Neural Networks", 2016). In two dimensions: 36 instead of 144.
#pragma once

#include "tensor/cpu/simd.h"

namespace ink::cpu::winograd {

inline constexpr int kTile = 4;                    // results along a side
inline constexpr int kWindow = 6;                  // inputs along a side: kTile + 3 - 1
inline constexpr int kPoints = kWindow * kWindow;  // products of a tile

// The filter and its input are polynomials, multiplied through their values at 0, a, -a, b, -b and
// infinity. Points whose powers stay near 1 keep the rounding error small; these are exact in
// binary, and so are their powers. (WINO.3)
inline constexpr Real kA = Real(0.625), kB = Real(1.5);
inline constexpr Real kA2 = kA * kA, kB2 = kB * kB, kA3 = kA * kA2, kB3 = kB * kB2;

// The transforms of a line, each of kLanes channels at once.

// B^T d: six inputs to their values at the points. (WINO.4)
[[gnu::always_inline]] inline void transform_input(const Vector (&d)[kWindow],
                                                   Vector (&v)[kWindow]) {
  const Vector even_a = d[4] - kB2 * d[2], odd_a = kA * (d[3] - kB2 * d[1]);
  const Vector even_b = d[4] - kA2 * d[2], odd_b = kB * (d[3] - kA2 * d[1]);
  v[0] = (kA2 * kB2) * d[0] - (kA2 + kB2) * d[2] + d[4];
  v[5] = (kA2 * kB2) * d[1] - (kA2 + kB2) * d[3] + d[5];
  v[1] = even_a + odd_a;
  v[2] = even_a - odd_a;
  v[3] = even_b + odd_b;
  v[4] = even_b - odd_b;
}

// What divides the filter's values at 0, at +-a and at +-b: the products of the distances to the
// other points. (WINO.5)
inline constexpr Real kAt0 = 1 / (kA2 * kB2);
inline constexpr Real kAtA = 1 / (2 * kA2 * (kA2 - kB2));
inline constexpr Real kAtB = 1 / (2 * kB2 * (kB2 - kA2));

// G g: three taps to their values at the points.
[[gnu::always_inline]] inline void transform_filter(const Vector (&g)[3], Vector (&u)[kWindow]) {
  const Vector even_a = kAtA * g[0] + (kAtA * kA2) * g[2], odd_a = (kAtA * kA) * g[1];
  const Vector even_b = kAtB * g[0] + (kAtB * kB2) * g[2], odd_b = (kAtB * kB) * g[1];
  u[0] = kAt0 * g[0];
  u[1] = even_a + odd_a;
  u[2] = even_a - odd_a;
  u[3] = even_b + odd_b;
  u[4] = even_b - odd_b;
  u[5] = g[2];
}

// A^T m: six products to the four results. (WINO.6)
[[gnu::always_inline]] inline void transform_output(const Vector (&m)[kWindow],
                                                    Vector (&y)[kTile]) {
  const Vector sum_a = m[1] + m[2], difference_a = m[1] - m[2];
  const Vector sum_b = m[3] + m[4], difference_b = m[3] - m[4];
  y[0] = m[0] + sum_a + sum_b;
  y[1] = kA * difference_a + kB * difference_b;
  y[2] = kA2 * sum_a + kB2 * sum_b;
  y[3] = kA3 * difference_a + kB3 * difference_b + m[5];
}

// A dy: the adjoint of transform_output. (WINO.8)
[[gnu::always_inline]] inline void transform_output_adjoint(const Vector (&dy)[kTile],
                                                            Vector (&m)[kWindow]) {
  const Vector even_a = dy[0] + kA2 * dy[2], odd_a = kA * dy[1] + kA3 * dy[3];
  const Vector even_b = dy[0] + kB2 * dy[2], odd_b = kB * dy[1] + kB3 * dy[3];
  m[0] = dy[0];
  m[1] = even_a + odd_a;
  m[2] = even_a - odd_a;
  m[3] = even_b + odd_b;
  m[4] = even_b - odd_b;
  m[5] = dy[3];
}

// G^T s: the adjoint of transform_filter. (WINO.8)
[[gnu::always_inline]] inline void transform_filter_adjoint(const Vector (&s)[kWindow],
                                                            Vector (&dg)[3]) {
  const Vector sum_a = kAtA * (s[1] + s[2]), sum_b = kAtB * (s[3] + s[4]);
  dg[0] = kAt0 * s[0] + sum_a + sum_b;
  dg[1] = (kAtA * kA) * (s[1] - s[2]) + (kAtB * kB) * (s[3] - s[4]);
  dg[2] = kA2 * sum_a + kB2 * sum_b + s[5];
}

// A transform of a square is that of its columns, then that of the rows that came of it.
// load(i, j) gives an element, store(i, j, value) takes one.
template <auto kLine, int kFrom, int kTo, class Load, class Store>
[[gnu::always_inline]] inline void transform_square(const Load& load, const Store& store) {
  Vector half[kTo][kFrom];
  for (int j = 0; j < kFrom; ++j) {
    Vector column[kFrom], result[kTo];
#pragma GCC unroll 6
    for (int i = 0; i < kFrom; ++i) column[i] = load(i, j);
    kLine(column, result);
#pragma GCC unroll 6
    for (int i = 0; i < kTo; ++i) half[i][j] = result[i];
  }
  for (int i = 0; i < kTo; ++i) {
    Vector result[kTo];
    kLine(half[i], result);
#pragma GCC unroll 6
    for (int j = 0; j < kTo; ++j) store(i, j, result[j]);
  }
}

}  // namespace ink::cpu::winograd
