// Matrix products and convolutions of the CUDA backend under every precision, tile and schedule.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "cuda/precision.h"
#include "cuda/tile_choice.h"
#include "tensor/kernels/gemm.h"
#include "tests/support/cuda.h"
#include "tests/support/cuda_checks.h"

namespace ink::test {

using cuda::Precision;
using cuda::TileSize;

inline constexpr Precision kPrecisions[] = {Precision::exact, Precision::tf32, Precision::bf16};
inline constexpr TileSize kTileSizes[] = {TileSize::k128x128, TileSize::k128x64, TileSize::k128x32,
                                          TileSize::k64x64};

// Sets the precision while it lives.
class UsePrecision {
 public:
  explicit UsePrecision(Precision precision) { cuda::set_precision(precision); }
  ~UsePrecision() { cuda::set_precision(Precision::tf32); }
  UsePrecision(const UsePrecision&) = delete;
  UsePrecision& operator=(const UsePrecision&) = delete;
};

// The largest relative error of a number that is rounded to it: half a unit in the last of 24, 11
// or 8 bits.
inline double rounding_of(Precision precision) {
  if (precision == Precision::tf32) return std::ldexp(1, -11);
  return precision == Precision::bf16 ? std::ldexp(1, -8) : 0;
}

// x to the nearest of `bits` significant bits; ties go away from zero, or to the even neighbour.
inline double round_to_bits(double x, int bits, bool ties_to_even) {
  if (x == 0) return x;
  const double unit = std::ldexp(1, std::ilogb(x) - (bits - 1));
  return (ties_to_even ? std::nearbyint(x / unit) : std::round(x / unit)) * unit;
}

// Where the chip rounds to TF32 what lies between two neighbours: a product of the tie 1 + 2^-11
// with 1 is 1, the even one, since sm_90, and 1 + 2^-10 elsewhere.
inline constexpr Real kTie = Real(1) + Real(1) / 2048;
inline bool went_to_even(Real product) {
  REQUIRE((product == 1 || product == Real(1) + Real(1) / 1024));
  return product == 1;
}
inline bool tf32_ties_to_even() {
  const UsePrecision use(Precision::tf32);
  std::vector<Real> identity(16, 0);
  for (std::size_t i = 0; i < 16; i += 5) identity[i] = 1;
  const OnDevice a(std::vector<Real>(16, kTie)), b(identity);
  OnDevice c(16);
  cuda::gemm(c.data(), a.data(), b.data(), {}, {.m = 4, .n = 4, .k = 4});
  return went_to_even(c.to_vector().front());
}

// What the products of `precision` multiply in place of x.
inline std::vector<Real> rounded(std::vector<Real> x, Precision precision, bool tf32_to_even) {
  if (precision == Precision::exact) return x;
  const bool bf16 = precision == Precision::bf16;
  for (Real& value : x) {
    value = static_cast<Real>(round_to_bits(value, bf16 ? 8 : 11, bf16 || tf32_to_even));
  }
  return x;
}

inline std::vector<Real> magnitudes(std::vector<Real> x) {
  for (Real& value : x) value = std::fabs(value);
  return x;
}
inline std::vector<Real> zeros(const std::vector<Real>& x) {
  return std::vector<Real>(x.size(), 0);
}

// The op table's tolerance for a sum of `terms` products, twice, as both sides are rounded.
inline double sum_tolerance(Index terms) {
  return 8 * std::numeric_limits<Real>::epsilon() * std::sqrt(static_cast<double>(terms));
}

// Holds what `device(precision)` gives under every schedule and precision against `cpu(round)`, the
// same on the CPU of inputs that went through round(): once with the inputs that the products
// multiply, to the rounding of the sums; and once with the inputs themselves, to the error that
// rounding two factors makes, (1 + u)^2 - 1 of each |a| |b|. `cpu` of magnitudes is the sum of
// these.
template <class OnDeviceResult, class OnCpuResult>
void check_products(Index terms, const OnDeviceResult& device, const OnCpuResult& cpu) {
  const std::vector<Real> exact = cpu([](std::vector<Real> x) { return x; });
  // The sums of |a| |b|: what magnitudes give, without the terms that are added to a product.
  std::vector<Real> bounds = cpu([](std::vector<Real> x) { return magnitudes(x); });
  const std::vector<Real> added = cpu([](std::vector<Real> x) { return zeros(x); });
  for (std::size_t i = 0; i < bounds.size(); ++i) bounds[i] -= added[i];
  for (const Precision precision : kPrecisions) {
    if (sizeof(Real) == sizeof(double) && precision != Precision::exact) continue;
    CAPTURE(static_cast<int>(precision));
    const UsePrecision use(precision);
    const bool to_even = precision == Precision::tf32 && tf32_ties_to_even();
    const std::vector<Real> sharp =
        cpu([&](const std::vector<Real>& x) { return rounded(x, precision, to_even); });
    double largest = 1;
    for (const Real value : sharp) largest = std::max(largest, std::fabs(double(value)));
    const double u = rounding_of(precision), products = (1 + u) * (1 + u) - 1;

    std::vector<Real> first;
    for_each_schedule([&] {
      const std::vector<Real> got = device();
      if (first.empty()) first = got;
      CHECK(std::memcmp(got.data(), first.data(), got.size() * sizeof(Real)) == 0);
    });
    REQUIRE(first.size() == exact.size());
    double off_sharp = 0, off_exact = 0;
    for (std::size_t i = 0; i < first.size(); ++i) {
      const double got = first[i];
      const double sharp_error = std::fabs(got - double(sharp[i])) / largest;
      const double exact_error = std::fabs(got - double(exact[i])) /
                                 (products * double(bounds[i]) + sum_tolerance(terms) * largest);
      // Not std::max: it drops a NaN.
      if (!(sharp_error <= off_sharp)) off_sharp = sharp_error;
      if (!(exact_error <= off_exact)) off_exact = exact_error;
    }
    CHECK(off_sharp <= sum_tolerance(terms));
    CHECK(off_exact <= 1);
  }
}

}  // namespace ink::test
