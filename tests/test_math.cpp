#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

#include "tensor/kernels/math.h"
#include "tensor/kernels/normal.h"

namespace ink {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The distance of `got` from `expected`, in units of the last place of a float of that size.
double error_in_ulp(float got, double expected) {
  return std::fabs(got - expected) / std::ldexp(1.0, std::ilogb(expected) - 23);
}

// The largest error of f against `reference` over every 997th float from `first` to `last`, both >
// 0, and when `both_signs` over their negatives.
template <class F, class Reference>
double largest_error(float first, float last, bool both_signs, F f, Reference reference) {
  double largest = 0;
  const auto end = std::bit_cast<std::uint32_t>(last);
  for (auto bits = std::bit_cast<std::uint32_t>(first); bits <= end; bits += 997) {
    const float x = std::bit_cast<float>(bits);
    const double expected = reference(double{x});
    if (expected != 0) largest = std::max(largest, error_in_ulp(f(x), expected));
    if (both_signs) largest = std::max(largest, error_in_ulp(f(-x), reference(-double{x})));
  }
  return largest;
}

TEST_SUITE("math") {
  TEST_CASE("exponential is within an ulp over its range") {
    const auto f = [](float x) { return exponential(x); };
    const auto reference = [](double x) { return std::exp(x); };
    CHECK(largest_error(1e-10f, 86.9899f, true, f, reference) < 0.9);
    CHECK(largest_error(86.9899f, 88.7228f, false, f, reference) < 0.9);
  }

  TEST_CASE("exponential at the ends of its range") {
    CHECK(exponential(0.0f) == 1.0f);
    CHECK(exponential(-0.0f) == 1.0f);
    CHECK(exponential(std::numeric_limits<float>::denorm_min()) == 1.0f);
    CHECK(std::isfinite(exponential(88.7228f)));
    CHECK(exponential(88.7229f) == kInfinity);
    CHECK(exponential(std::numeric_limits<float>::max()) == kInfinity);
    CHECK(exponential(kInfinity) == kInfinity);
    CHECK(exponential(-86.9899f) >= std::numeric_limits<float>::min());
    CHECK(exponential(-86.9901f) == 0.0f);
    CHECK(exponential(std::numeric_limits<float>::lowest()) == 0.0f);
    CHECK(exponential(-kInfinity) == 0.0f);
    CHECK(std::isnan(exponential(std::numeric_limits<float>::quiet_NaN())));
    CHECK(std::isnan(exponential(-std::numeric_limits<float>::quiet_NaN())));
  }

  TEST_CASE("exponential in double is that of the standard library") {
    CHECK(exponential(1.0) == std::exp(1.0));
    CHECK(exponential(-745.0) == std::exp(-745.0));
  }

  TEST_CASE("natural_logarithm is within an ulp") {
    const auto f = [](float x) { return natural_logarithm(x); };
    const auto reference = [](double x) { return std::log(x); };
    CHECK(largest_error(std::numeric_limits<float>::min(), std::numeric_limits<float>::max(), false,
                        f, reference) < 0.95);
    CHECK(natural_logarithm(1.0f) == 0.0f);
  }

  TEST_CASE("sine and cosine of quarters of a turn are within two ulp") {
    const auto sine = [](float f) { return sine_of_quarters(f); };
    const auto cosine = [](float f) { return cosine_of_quarters(f); };
    CHECK(largest_error(0x1p-30f, 0.5f, true, sine,
                        [](double f) { return std::sin(std::numbers::pi / 2 * f); }) < 1.75);
    CHECK(largest_error(0x1p-30f, 0.5f, true, cosine,
                        [](double f) { return std::cos(std::numbers::pi / 2 * f); }) < 1.05);
    CHECK(sine_of_quarters(0.0f) == 0.0f);
    CHECK(cosine_of_quarters(0.0f) == 1.0f);
  }
}

}  // namespace
}  // namespace ink
