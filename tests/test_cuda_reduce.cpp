// The CUDA reductions and the CUDA random numbers.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tensor/kernels/random.h"
#include "tensor/kernels/reduce.h"
#include "tests/support/cuda.h"
#include "tests/support/cuda_checks.h"

using namespace ink;
using namespace ink::test;

namespace {

constexpr Real kNaN = std::numeric_limits<Real>::quiet_NaN();

template <class R>
std::vector<Real> reduced(const std::vector<Real>& x, const ReduceSizes& sizes) {
  const OnDevice in(x);
  std::vector<Real> result;
  for_each_schedule([&] {
    OnDevice out(sizes.outer * sizes.inner);
    cuda::reduce<R>(out.data(), in.data(), sizes);
    const std::vector<Real> now = out.to_vector();
    if (!result.empty()) CHECK(now == result);
    result = now;
  });
  return result;
}

// The sums in double, and of the magnitudes.
struct Sums {
  std::vector<double> sum, magnitude;
};

Sums sums_of(const std::vector<Real>& x, const ReduceSizes& s) {
  Sums sums{std::vector<double>(static_cast<std::size_t>(s.outer * s.inner)), {}};
  sums.magnitude = sums.sum;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto position = static_cast<Index>(i);
    const auto to =
        static_cast<std::size_t>(position / (s.length * s.inner) * s.inner + position % s.inner);
    sums.sum[to] += static_cast<double>(x[i]);
    sums.magnitude[to] += std::fabs(static_cast<double>(x[i]));
  }
  return sums;
}

}  // namespace

TEST_SUITE("cuda reduce") {
  TEST_CASE("sums of any shape, within the error of a tree") {
    for (const ReduceSizes s : {ReduceSizes{1, 1, 1},
                                {1, 31, 1},
                                {1, 4096, 1},
                                {1, 20001, 1},
                                {7, 33, 1},
                                {300, 3, 1},
                                {2, 784, 1},
                                {1, 500, 3},
                                {3, 65, 5},
                                {2, 40, 32},
                                {1, 1100, 33},
                                {2, 3, 70},
                                {5, 0, 4},
                                {0, 4, 4}}) {
      CAPTURE(s.outer);
      CAPTURE(s.length);
      CAPTURE(s.inner);
      const std::vector<Real> x = numbers(s.outer * s.length * s.inner, 1);
      const std::vector<Real> got = reduced<Sum>(x, s);
      const Sums expected = sums_of(x, s);
      // Eight elements of each of four chains, then a tree: each adds a rounding.
      const double roundings = 12 + std::log2(static_cast<double>(s.length) + 1);
      for (std::size_t i = 0; i < got.size(); ++i) {
        CHECK(std::fabs(static_cast<double>(got[i]) - expected.sum[i]) <=
              roundings * std::numeric_limits<Real>::epsilon() * expected.magnitude[i]);
      }
    }
  }

  TEST_CASE("squares are summed as squares, also of partial sums") {
    const std::vector<Real> ones(40000, 2);
    CHECK(reduced<SumOfSquares>(ones, {1, 40000, 1}) == std::vector<Real>{160000});
  }

  TEST_CASE("the maximum is exact, and NaN wherever it stands") {
    for (const ReduceSizes s : {ReduceSizes{3, 50, 1}, {1, 20000, 1}, {2, 9, 5}}) {
      std::vector<Real> x = numbers(s.outer * s.length * s.inner, 2);
      std::vector<Real> expected(static_cast<std::size_t>(s.outer * s.inner));
      cpu::reduce<Max>(expected.data(), x.data(), s);
      CHECK(reduced<Max>(x, s) == expected);
      for (const std::size_t at : {std::size_t{0}, x.size() / 2, x.size() - 1}) {
        std::vector<Real> with_nan = x;
        with_nan[at] = kNaN;
        const OnDevice in(with_nan);
        OnDevice out(s.outer * s.inner);
        cuda::reduce<Max>(out.data(), in.data(), s);
        int nans = 0;
        for (const Real value : out.to_vector()) nans += value != value;
        CHECK(nans == 1);
      }
    }
  }
}

TEST_SUITE("cuda random") {
  // In float the bits are those of the CPU; in double the logarithm and its like are the library's.
  void check_drawn(const OnDevice& got, const std::vector<Real>& expected) {
    if constexpr (sizeof(Real) == sizeof(float)) {
      CHECK(got.to_vector() == expected);
    } else {
      check_near_all(got.to_vector(), expected, 8);
    }
  }

  TEST_CASE("the numbers are those of the CPU") {
    for (const Index n : {0, 1, 2, 3, 4, 5, 255, 1024, 1027}) {
      CAPTURE(n);
      const RandomDraw draw{7, (std::uint64_t{1} << 33) - 5, n};
      std::vector<Real> expected(static_cast<std::size_t>(n));
      for_each_schedule([&] {
        OnDevice got(n);
        cuda::random_uniform(got.data(), -2, 3, draw);
        cpu::random_uniform(expected.data(), -2, 3, draw);
        check_drawn(got, expected);
        cuda::random_normal(got.data(), Real(0.5), 2, draw);
        cpu::random_normal(expected.data(), Real(0.5), 2, draw);
        check_drawn(got, expected);
        cuda::random_integers(got.data(), -3, 1000, draw);
        cpu::random_integers(expected.data(), -3, 1000, draw);
        CHECK(got.to_vector() == expected);
      });
    }
  }

  TEST_CASE("a draw in device memory counts, not the one beside its address") {
    const RandomDraw draw{9, 12, 10};
    std::vector<Real> bytes((sizeof draw + sizeof(Real) - 1) / sizeof(Real)), expected(10);
    std::memcpy(bytes.data(), &draw, sizeof draw);
    const OnDevice stored(bytes);
    OnDevice got(10);
    cuda::random_normal(
        got.data(), 0, 1,
        Varying<RandomDraw>({9, 0, 10}, reinterpret_cast<const RandomDraw*>(stored.data())));
    cpu::random_normal(expected.data(), 0, 1, draw);
    check_drawn(got, expected);
  }
}
