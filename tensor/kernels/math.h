// Scalar functions that must vectorise on the CPU and give the same value on every device.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "tensor/kernels/real.h"

namespace ink {

// e^x. In float: e^x = 2^n e^r with n = round(x / ln 2) and |r| <= ln 2 / 2, where a polynomial of
// degree 6, minimax in the relative error (3.1e-9), stands in for e^r. Measured within 0.88 ulp;
// +inf above 88.7228, 0 below -86.99 (where the result would be under 1.7e-38); keeps NaN. It has
// no branch, so loops over it vectorise.
HD inline float exponential(float x) {
  constexpr float kLog2E = 1.44269504088896341f;
  constexpr float kLn2High = 0.693145751953125f;
  constexpr float kLn2Low = 1.42860682030941723e-6f;
  // Adding 1.5 * 2^23 rounds to a whole number, which then stands in the lowest bits of the sum;
  // with 126 more, these are the bits of the exponent of 2^(n - 1). They say 0 for n = -126.
  constexpr float kRound = 12582912.0f + 126.0f;
  constexpr auto kMost = std::bit_cast<std::int32_t>(kRound + 128.0f);
  // x is bounded below so that n >= -126, with a comparison that lets NaN pass; n is bounded above
  // in integers, because GCC makes a vector minimum of these but not of two comparisons in a row.
  const float bounded = x < -87.3f ? -87.3f : x;
  const float sum = std::fma(bounded, kLog2E, kRound);
  const auto unbounded = std::bit_cast<std::int32_t>(sum);
  const std::int32_t bits = unbounded < kMost ? unbounded : kMost;
  const float shifted = std::bit_cast<float>(bits);
  const float n = shifted - kRound;
  const float r = std::fma(-n, kLn2Low, std::fma(-n, kLn2High, bounded));
  // 2 e^r, so that 2^(n - 1) is left, which never overflows.
  float p = 2 * 1.38145401768e-3f;
  p = std::fma(p, r, 2 * 8.36874510894e-3f);
  p = std::fma(p, r, 2 * 4.16683907835e-2f);
  p = std::fma(p, r, 2 * 1.66665203990e-1f);
  p = std::fma(p, r, 2 * 4.99999934321e-1f);
  p = std::fma(p, r, 2.0f);
  p = std::fma(p, r, 2.0f);
  return p * std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 23);
}

HD inline double exponential(double x) { return std::exp(x); }

}  // namespace ink
