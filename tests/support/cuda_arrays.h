// Inputs and comparisons of the tests that call CUDA kernels on bare arrays.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tests/support/cuda.h"

namespace ink::test {

using Numbers = std::vector<Real>;

// Normal numbers, a function of the seed alone.
inline Numbers normal_numbers(Index count, unsigned seed, double mean = 0, double deviation = 1) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal(mean, deviation);
  Numbers x(static_cast<std::size_t>(count));
  for (Real& value : x) value = static_cast<Real>(normal(engine));
  return x;
}

// An array on the device that begins `shift` elements after an aligned address.
class Shifted {
 public:
  Shifted(Index count, Index shift) : array_(count + shift), shift_(shift) {}
  Shifted(const Numbers& x, Index shift) : Shifted(padded(x, shift), shift, 0) {}

  Real* data() { return array_.data() + shift_; }
  const Real* data() const { return array_.data() + shift_; }
  Numbers to_vector() const { return array_.to_vector(shift_); }

 private:
  Shifted(const Numbers& all, Index shift, int) : array_(all), shift_(shift) {}
  static Numbers padded(const Numbers& x, Index shift) {
    Numbers all(static_cast<std::size_t>(shift), std::numeric_limits<Real>::quiet_NaN());
    all.insert(all.end(), x.begin(), x.end());
    return all;
  }

  OnDevice array_;
  Index shift_;
};

// Checks |got - expected| <= relative * max(1, max |expected|) everywhere.
inline void check_numbers(const std::string& name, const Numbers& got, const Numbers& expected,
                          double relative) {
  REQUIRE(got.size() == expected.size());
  double largest = 1, worst = 0;
  std::size_t at = 0;
  for (const Real e : expected) largest = std::max(largest, std::fabs(static_cast<double>(e)));
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double error = std::fabs(static_cast<double>(got[i]) - static_cast<double>(expected[i]));
    if (error <= worst) continue;  // a NaN stays the worst
    worst = error;
    at = i;
    if (std::isnan(error)) break;
  }
  const bool close = worst <= relative * largest;
  CHECK_MESSAGE(close, name, " at ", at, ": got ", got[at], ", expected ", expected[at], ", error ",
                worst, ", allowed ", relative * largest);
}

inline bool same_bits(const Numbers& a, const Numbers& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(Real)) == 0;
}

// Runs a kernel, which returns its results, under every schedule: the same bits each time, which
// are returned.
template <class Run>
std::vector<Numbers> same_under_every_schedule(const Run& run) {
  std::vector<Numbers> first;
  for_each_schedule([&] {
    const std::vector<Numbers> now = run();
    if (first.empty()) first = now;
    for (std::size_t i = 0; i < now.size(); ++i) {
      INFO("result ", i);
      CHECK(same_bits(now[i], first[i]));
    }
  });
  return first;
}

}  // namespace ink::test
