// What several figures need.
#pragma once

#include <cmath>
#include <numbers>

#include "tensor/kernels/real.h"

namespace ink::apps {

inline std::size_t at(Index t) { return static_cast<std::size_t>(t); }

// N(x; mean, variance). (G.1)
inline double normal_density(double x, double mean, double variance) {
  const double d = x - mean;
  return std::exp(-d * d / (2 * variance)) / std::sqrt(2 * std::numbers::pi * variance);
}

}  // namespace ink::apps
