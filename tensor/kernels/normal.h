// Normal numbers from random words by the transform of Box & Muller (1958):
//   radius = sqrt(-2 ln u), angle = 2 pi v  ->  radius cos(angle), radius sin(angle).
//
// In float the logarithm, sine and cosine are polynomials built from std::fma alone, with no sum of
// a product left for a compiler to contract, so that every device gives the same bits.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "tensor/kernels/real.h"

namespace ink {

// ln x for a normal x > 0. x = 2^e (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), and
// ln(1 + f) = f - f^2 / 2 + f^3 P(f); P is minimax in the relative error (5.8e-9). Measured
// within 0.93 ulp.
HD inline float natural_logarithm(float x) {
  constexpr float kLn2 = 0.693147180559945309f;
  constexpr std::uint32_t kSqrtHalf = 0x3F3504F3u;
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::int32_t e = static_cast<std::int32_t>(bits - kSqrtHalf) >> 23;
  const float f = std::bit_cast<float>(bits - (static_cast<std::uint32_t>(e) << 23)) - 1.0f;
  float p = -7.63449398631e-2f;
  p = std::fma(p, f, 1.27615745496e-1f);
  p = std::fma(p, f, -1.31601821630e-1f);
  p = std::fma(p, f, 1.42017583522e-1f);
  p = std::fma(p, f, -1.66233574103e-1f);
  p = std::fma(p, f, 2.00012268630e-1f);
  p = std::fma(p, f, -2.50008210321e-1f);
  p = std::fma(p, f, 3.33333317078e-1f);
  p = std::fma(p, f, -0.5f);
  return std::fma(static_cast<float>(e), kLn2, std::fma(f * f, p, f));
}

HD inline double natural_logarithm(double x) { return std::log(x); }

// sin(pi f / 2) for |f| <= 1/2; the polynomial is minimax in the relative error (3.3e-9).
// Measured within 1.74 ulp.
HD inline float sine_of_quarters(float f) {
  const float u = f * f;
  float p = -4.60164189233e-3f;
  p = std::fma(p, u, 7.96800277186e-2f);
  p = std::fma(p, u, -6.45963459849e-1f);
  p = std::fma(p, u, 1.57079632170f);
  return p * f;
}

HD inline double sine_of_quarters(double f) { return std::sin(std::numbers::pi / 2 * f); }

// cos(pi f / 2) for |f| <= 1/2; the polynomial is minimax in the relative error (6.4e-11).
// Measured within 1.01 ulp.
HD inline float cosine_of_quarters(float f) {
  const float u = f * f;
  float p = 9.03763407972e-4f;
  p = std::fma(p, u, -2.08601637626e-2f);
  p = std::fma(p, u, 2.53669225793e-1f);
  p = std::fma(p, u, -1.23370054259f);
  return std::fma(p, u, 1.0f);
}

HD inline double cosine_of_quarters(double f) { return std::cos(std::numbers::pi / 2 * f); }

struct NormalPair {
  Real first;
  Real second;
};

// Two independent standard normal numbers from two words of random bits.
HD inline NormalPair normal_pair(std::uint32_t u_word, std::uint32_t v_word) {
  // u in [2^-33, 1] is never 0; the largest radius is 6.8.
  const Real u = std::fma(static_cast<Real>(u_word), Real(0x1p-32), Real(0x1p-33));
  const Real radius = std::sqrt(Real(-2) * natural_logarithm(u));

  // The angle in quarters of a turn is exact in integers: the nearest quarter, and the rest.
  const std::uint32_t quarter = (v_word + 0x20000000u) >> 30;
  const auto rest = static_cast<std::int32_t>(v_word - (quarter << 30));
  const Real f = static_cast<Real>(rest) * Real(0x1p-30);
  const Real sine = sine_of_quarters(f);
  const Real cosine = cosine_of_quarters(f);
  const bool odd = (quarter & 1u) != 0;
  const Real x = odd ? sine : cosine;
  const Real y = odd ? cosine : sine;
  const bool left = quarter == 1 || quarter == 2;   // cos < 0
  const bool below = quarter == 2 || quarter == 3;  // sin < 0
  return {radius * (left ? -x : x), radius * (below ? -y : y)};
}

}  // namespace ink
