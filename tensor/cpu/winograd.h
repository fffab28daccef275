// Winograd's short convolution F(4, 3): four results of a three-tap filter from six products
// instead of twelve (Winograd, "Arithmetic Complexity of Computations", 1980; Lavin & Gray, "Fast
// Algorithms for Convolutional Neural Networks", 2016). In two dimensions: 36 instead of 144.
#pragma once

#include <algorithm>

#include "tensor/cpu/simd.h"

namespace ink::cpu::winograd {

inline constexpr int kTile = 4;                    // results along a side
inline constexpr int kWindow = 6;                  // inputs along a side: kTile + 3 - 1
inline constexpr int kPoints = kWindow * kWindow;  // products of a tile
inline constexpr int kLeastPoints = 4;             // along a side, however few its results
inline constexpr int kInfinity = 5;                // the point, along a side

// The filter and its input are polynomials, multiplied through their values at 0, a, -a, b, -b and
// infinity. Points whose powers stay near 1 keep the rounding error small; these are exact in
// binary, and so are their powers. (WINO.3)
inline constexpr Real kA = Real(0.625), kB = Real(1.5);
inline constexpr Real kA2 = kA * kA, kB2 = kB * kB, kA3 = kA * kA2, kB3 = kB * kB2;

// A line of `results` results, kTile at most, needs this many inputs and points: without its last
// result none at infinity, without the last two none at -b either. (WINO.10)
constexpr int points_needed(Index results) {
  return std::max(kLeastPoints, static_cast<int>(results) + 2);
}

// The transforms of a line, each of kLanes channels at once. One with fewer points takes the first
// of them.

// B^T d: the inputs to their values at the points. (WINO.4)
template <int Points>
[[gnu::always_inline]] inline void transform_input(const Vector (&d)[Points], Vector (&v)[Points]) {
  const Vector odd_a = kA * (d[3] - kB2 * d[1]), odd_b = kB * (d[3] - kA2 * d[1]);
  Vector d4 = kA2 * d[2] + odd_b;  // so that the value at -b is 0 (WINO.11)
  if constexpr (Points > 4) d4 = d[4];
  const Vector even_a = d4 - kB2 * d[2], even_b = d4 - kA2 * d[2];
  v[0] = (kA2 * kB2) * d[0] - (kA2 + kB2) * d[2] + d4;
  v[1] = even_a + odd_a;
  v[2] = even_a - odd_a;
  v[3] = even_b + odd_b;
  if constexpr (Points > 4) v[4] = even_b - odd_b;
  if constexpr (Points > 5) v[5] = (kA2 * kB2) * d[1] - (kA2 + kB2) * d[3] + d[5];
}

// The filter's values are divided, at each point, by the product of its distances to the others. No
// such quotient is exact in binary, but all are when kFilterScale multiplies them: each rounded by
// itself, they would err at a point for every filter and channel alike. The results, and the
// gradients of the taps, are freed of the scale. (WINO.14)
inline constexpr Real kFilterScale = kA2 * kB2 * (kB2 - kA2) / 2;
inline constexpr Real kAt0 = (kB2 - kA2) / 2, kAtA = -kB2 / 4, kAtB = kA2 / 4;
inline constexpr Real kUnscale = 1 / (kFilterScale * kFilterScale);  // of both dimensions

// kFilterScale G g: three taps to their values at the points. (WINO.5)
[[gnu::always_inline]] inline void transform_filter(const Vector (&g)[3], Vector (&u)[kWindow]) {
  const Vector even_a = kAtA * g[0] + (kAtA * kA2) * g[2], odd_a = (kAtA * kA) * g[1];
  const Vector even_b = kAtB * g[0] + (kAtB * kB2) * g[2], odd_b = (kAtB * kB) * g[1];
  u[0] = kAt0 * g[0];
  u[1] = even_a + odd_a;
  u[2] = even_a - odd_a;
  u[3] = even_b + odd_b;
  u[4] = even_b - odd_b;
  u[5] = kFilterScale * g[2];
}

// A^T m: the products to the results. (WINO.6)
template <int Points>
[[gnu::always_inline]] inline void transform_output(const Vector (&m)[Points],
                                                    Vector (&y)[Points - 2]) {
  const Vector sum_a = m[1] + m[2], difference_a = m[1] - m[2];
  Vector sum_b = m[3], difference_b = m[3];
  if constexpr (Points > 4) {
    sum_b += m[4];
    difference_b -= m[4];
  }
  y[0] = m[0] + sum_a + sum_b;
  y[1] = kA * difference_a + kB * difference_b;
  if constexpr (Points > 4) y[2] = kA2 * sum_a + kB2 * sum_b;
  if constexpr (Points > 5) y[3] = kA3 * difference_a + kB3 * difference_b + m[5];
}

// A dy: the adjoint of transform_output. (WINO.8)
template <int Points>
[[gnu::always_inline]] inline void transform_output_adjoint(const Vector (&dy)[Points - 2],
                                                            Vector (&m)[Points]) {
  Vector even_a = dy[0], odd_a = kA * dy[1], even_b = dy[0], odd_b = kB * dy[1];
  if constexpr (Points > 4) {
    even_a += kA2 * dy[2];
    even_b += kB2 * dy[2];
  }
  if constexpr (Points > 5) {
    odd_a += kA3 * dy[3];
    odd_b += kB3 * dy[3];
    m[5] = dy[3];
  }
  m[0] = dy[0];
  m[1] = even_a + odd_a;
  m[2] = even_a - odd_a;
  m[3] = even_b + odd_b;
  if constexpr (Points > 4) m[4] = even_b - odd_b;
}

// kFilterScale G^T s: the adjoint of transform_filter. (WINO.8)
[[gnu::always_inline]] inline void transform_filter_adjoint(const Vector (&s)[kWindow],
                                                            Vector (&dg)[3]) {
  const Vector sum_a = kAtA * (s[1] + s[2]), sum_b = kAtB * (s[3] + s[4]);
  dg[0] = kAt0 * s[0] + sum_a + sum_b;
  dg[1] = (kAtA * kA) * (s[1] - s[2]) + (kAtB * kB) * (s[3] - s[4]);
  dg[2] = kA2 * sum_a + kB2 * sum_b + kFilterScale * s[5];
}

// The lengths between which a line's transform maps.
struct Lengths {
  int from, to;
};
template <int From, int To>
constexpr Lengths lengths(void (*)(const Vector (&)[From], Vector (&)[To])) {
  return {From, To};
}

// The transform of a rectangle is that of its columns, then that of the rows that came of it.
// load(i, j) gives an element, store(i, j, value) takes one.
template <auto kColumn, auto kRow, class Load, class Store>
[[gnu::always_inline]] inline void transform_rectangle(const Load& load, const Store& store) {
  constexpr Lengths down = lengths(kColumn), across = lengths(kRow);
  Vector half[down.to][across.from];
#pragma GCC unroll 6
  for (int j = 0; j < across.from; ++j) {
    Vector column[down.from], result[down.to];
#pragma GCC unroll 6
    for (int i = 0; i < down.from; ++i) column[i] = load(i, j);
    kColumn(column, result);
#pragma GCC unroll 6
    for (int i = 0; i < down.to; ++i) half[i][j] = result[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < down.to; ++i) {
    Vector result[across.to];
    kRow(half[i], result);
#pragma GCC unroll 6
    for (int j = 0; j < across.to; ++j) store(i, j, result[j]);
  }
}

}  // namespace ink::cpu::winograd
