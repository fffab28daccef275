// Comparisons whose failure says by how much, and a fixed number of threads.
#pragma once

#include <doctest/doctest.h>
#include <omp.h>

#include <cmath>
#include <limits>
#include <string>

#include "tensor/ops.h"

namespace ink::test {

// The rounding of Real.
constexpr double kEpsilonOfReal = std::numeric_limits<Real>::epsilon();

// The error allowed against PyTorch's values, relative to the largest of them.
constexpr double kAgainstTorch = sizeof(Real) == sizeof(double) ? 1e-10 : 1e-5;

// The error of coefficients that divide by 1 - alpha_bar_t: at t = 1 that is 1e-4, a difference in
// which four of a double's sixteen digits are lost.
constexpr double kScheduleError = 4e-12;

// Checks max |got - expected| <= tolerance * max |expected|.
inline void check_close(const Tensor& got, const Tensor& expected, double tolerance,
                        const std::string& name = "value") {
  const double error = relative_error(got, expected);
  CHECK_MESSAGE(error <= tolerance, name, " ", got.shape().to_string(), ": relative error ", error,
                ", allowed ", tolerance);
}

// Checks |got - expected| <= tolerance.
inline void check_near(double got, double expected, double tolerance,
                       const std::string& name = "value") {
  CHECK_MESSAGE(std::fabs(got - expected) <= tolerance, name, ": got ", got, ", expected ",
                expected, " within ", tolerance);
}

// The mean and the variance of all elements.
struct Moments {
  double mean, variance;
};
inline Moments moments(const Tensor& x) {
  double sum = 0, squares = 0;
  const std::vector<Real> values = x.to_vector();
  const auto n = static_cast<double>(values.size());
  for (const Real value : values) sum += static_cast<double>(value);
  const double mean = sum / n;
  for (const Real value : values) squares += (value - mean) * (value - mean);
  return {mean, squares / n};
}

// Checks that the elements of `x` look like independent draws from N(mean, variance): five standard
// errors of each moment, plus `rounding`.
inline void check_normal(const Tensor& x, double mean, double variance, double rounding = 0) {
  const Moments got = moments(x);
  const auto n = static_cast<double>(x.count());
  check_near(got.mean, mean, 5 * std::sqrt(variance / n) + rounding, "mean");
  check_near(got.variance, variance, 5 * variance * std::sqrt(2 / n) + rounding, "variance");
}

// Sets the number of OpenMP threads while it lives.
class ThreadCount {
 public:
  explicit ThreadCount(int count) : previous_(omp_get_max_threads()) { omp_set_num_threads(count); }
  ~ThreadCount() { omp_set_num_threads(previous_); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int previous_;
};

}  // namespace ink::test
