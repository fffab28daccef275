// What the tests of CUDA kernels compare.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "tensor/kernels/real.h"

namespace ink::test {

// n numbers around zero, all different from a neighbour's.
inline std::vector<Real> numbers(Index n, int seed) {
  std::vector<Real> values(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<Real>(std::sin(1.7 * static_cast<double>(i) + seed) * 1.5);
  }
  return values;
}

// Each within some roundings of its own size: two compilers round a * b + c once or twice.
inline void check_near_all(const std::vector<Real>& got, const std::vector<Real>& expected,
                           double roundings) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double bound = roundings * std::numeric_limits<Real>::epsilon() *
                         (1 + std::fabs(static_cast<double>(expected[i])));
    CHECK_MESSAGE(
        std::fabs(static_cast<double>(got[i]) - static_cast<double>(expected[i])) <= bound,
        "element ", i, ": got ", got[i], ", expected ", expected[i]);
  }
}

}  // namespace ink::test
