#include <doctest/doctest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tensor/kernels/normal.h"
#include "tensor/kernels/random.h"

namespace ink {
namespace {

using Numbers = std::vector<Real>;

Numbers uniform(Index n, Real low, Real high, std::uint64_t first_block = 0) {
  Numbers x(static_cast<std::size_t>(n));
  cpu::random_uniform(x.data(), low, high, RandomDraw{7, first_block, n});
  return x;
}

Numbers normal(Index n, Real mean, Real deviation, std::uint64_t first_block = 0) {
  Numbers x(static_cast<std::size_t>(n));
  cpu::random_normal(x.data(), mean, deviation, RandomDraw{7, first_block, n});
  return x;
}

Numbers integers(Index n, Index low, Index high, std::uint64_t first_block = 0) {
  Numbers x(static_cast<std::size_t>(n));
  cpu::random_integers(x.data(), low, high, RandomDraw{7, first_block, n});
  return x;
}

// The mean of the k-th power.
double moment(const Numbers& x, int k) {
  double sum = 0;
  for (const Real value : x) sum += std::pow(double{value}, k);
  return sum / static_cast<double>(x.size());
}

// Calls check(draw) with each kind of draw.
template <class Check>
void for_each_kind(const Check& check) {
  check([](Index n, std::uint64_t block) { return uniform(n, -2, 3, block); });
  check([](Index n, std::uint64_t block) { return normal(n, 1, 2, block); });
  check([](Index n, std::uint64_t block) { return integers(n, 1, 1000, block); });
}

void check_words(const PhiloxBlock& block, const std::uint32_t (&expected)[4]) {
  for (int i = 0; i < 4; ++i) CHECK(block.word[i] == expected[i]);
}

TEST_SUITE("random") {
  // The vectors for philox4x32 with 10 rounds that Salmon et al. publish with Random123.
  TEST_CASE("philox gives the published vectors") {
    check_words(philox(0, 0), {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    check_words(philox(~0ull, ~0ull, ~0ull), {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    check_words(philox(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e),
                {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
  }

  TEST_CASE("each number is a function of its own words") {
    const Numbers u = uniform(9, 0, 1, 5), z = normal(9, 0, 1, 5), k = integers(9, 0, 9, 5);
    for (std::uint64_t i = 0; i < 9; ++i) {
      const PhiloxBlock block = philox(7, 5 + i / 4);
      CHECK(u[i] == unit_uniform(block.word[i % 4]));
      CHECK(k[i] == Real(uniform_integer(block.word[i % 4], 10)));
      const std::uint64_t even = i % 4 / 2 * 2;
      const NormalPair pair = normal_pair(block.word[even], block.word[even + 1]);
      CHECK(z[i] == (i % 2 == 0 ? pair.first : pair.second));
    }
  }

  TEST_CASE("the same bits for one, two and three threads, and for a draw in two parts") {
    const int threads = omp_get_max_threads();
    for_each_kind([&](const auto& draw) {
      constexpr Index kCount = 100003, kSplit = 40004;
      omp_set_num_threads(1);
      const Numbers one = draw(kCount, 3);
      for (const int more : {2, 3}) {
        omp_set_num_threads(more);
        CHECK(draw(kCount, 3) == one);
      }
      Numbers parts = draw(kSplit, 3);
      const Numbers rest = draw(kCount - kSplit, 3 + kSplit / 4);
      parts.insert(parts.end(), rest.begin(), rest.end());
      CHECK(parts == one);
    });
    omp_set_num_threads(threads);
  }

  TEST_CASE("writes nothing beyond the end, whatever the length") {
    for_each_kind([](const auto& draw) {
      const Numbers whole = draw(1100, 0);
      for (const Index n : {0, 1, 2, 3, 4, 5, 255, 256, 257, 1023, 1024, 1025}) {
        const Numbers part = draw(n, 0);
        CHECK(std::equal(part.begin(), part.end(), whole.begin()));
      }
    });
  }

  // Five standard errors of the mean of n values with the variance of the k-th power.
  TEST_CASE("moments of the uniform and the normal distribution") {
    constexpr Index kCount = 1 << 20;
    constexpr double kError = 5.0 / (1 << 10);
    const Numbers u = uniform(kCount, 0, 1);
    CHECK(std::fabs(moment(u, 1) - 1.0 / 2) < kError * std::sqrt(1.0 / 12));
    CHECK(std::fabs(moment(u, 2) - 1.0 / 3) < kError * std::sqrt(4.0 / 45));
    const Numbers z = normal(kCount, 0, 1);
    CHECK(std::fabs(moment(z, 1)) < kError);
    CHECK(std::fabs(moment(z, 2) - 1) < kError * std::sqrt(2.0));
    CHECK(std::fabs(moment(z, 3)) < kError * std::sqrt(15.0));
    CHECK(std::fabs(moment(z, 4) - 3) < kError * std::sqrt(96.0));
    const Numbers shifted = normal(kCount, 3, Real(0.5));
    CHECK(std::fabs(moment(shifted, 1) - 3) < kError * 0.5);
  }

  TEST_CASE("normal numbers follow the distribution function") {
    Numbers z = normal(1 << 18, 0, 1);
    std::sort(z.begin(), z.end());
    double distance = 0;
    for (std::size_t i = 0; i < z.size(); ++i) {
      const double empirical = (static_cast<double>(i) + 0.5) / static_cast<double>(z.size());
      const double exact = 0.5 * std::erfc(-double{z[i]} / std::sqrt(2.0));
      distance = std::max(distance, std::fabs(empirical - exact));
    }
    // Kolmogorov's 99.99 % quantile is 2.23 / sqrt(n).
    CHECK(distance < 2.23 / std::sqrt(static_cast<double>(z.size())));
  }

  TEST_CASE("neighbours, pairs and parallel streams are uncorrelated") {
    const Numbers z = normal(1 << 18, 0, 1);
    for (const std::size_t lag : {1, 2, 3, 4, 5, 1024}) {
      double sum = 0;
      for (std::size_t i = 0; i + lag < z.size(); ++i) sum += double{z[i]} * z[i + lag];
      CHECK(std::fabs(sum) < 5 * std::sqrt(static_cast<double>(z.size())));
    }
    Numbers other(z.size());
    cpu::random_normal(other.data(), 0, 1, RandomDraw{8, 0, static_cast<Index>(other.size())});
    double sum = 0;
    for (std::size_t i = 0; i < z.size(); ++i) sum += double{z[i]} * other[i];
    CHECK(std::fabs(sum) < 5 * std::sqrt(static_cast<double>(z.size())));
  }

  TEST_CASE("uniform numbers reach low and never high") {
    CHECK(unit_uniform(0) == 0);
    CHECK(unit_uniform(~0u) == 1 - Real(0x1p-24));
    const Numbers x = uniform(1 << 20, 1, 1 + 16 * std::numeric_limits<float>::epsilon());
    CHECK(*std::min_element(x.begin(), x.end()) >= 1);
    CHECK(*std::max_element(x.begin(), x.end()) < 1 + 16 * std::numeric_limits<float>::epsilon());
    for (const Real value : uniform(100, 2, 2)) CHECK(value == 2);
  }

  TEST_CASE("integers cover their range evenly") {
    constexpr Index kCount = 1 << 20, kValues = 10;
    std::vector<double> seen(kValues);
    for (const Real k : integers(kCount, -3, 6)) {
      REQUIRE(k >= -3);
      REQUIRE(k <= 6);
      REQUIRE(k == std::floor(k));
      seen[static_cast<std::size_t>(k + 3)] += 1;
    }
    const double expected = double{kCount} / kValues;
    for (const double count : seen) CHECK(std::fabs(count - expected) < 5 * std::sqrt(expected));
    for (const Real k : integers(100, 4, 4)) CHECK(k == 4);
    CHECK(uniform_integer(~0u, 1u << 24) == (1u << 24) - 1);
  }

  TEST_CASE("normal numbers are finite at the ends of the range of words") {
    for (const std::uint32_t u : {0u, 1u, ~0u}) {
      for (const std::uint32_t v : {0u, 0x20000000u, 0x3fffffffu, 0x40000000u, 0x80000000u, ~0u}) {
        const NormalPair pair = normal_pair(u, v);
        CHECK(std::isfinite(pair.first));
        CHECK(std::isfinite(pair.second));
      }
    }
    CHECK(normal_pair(0, 0).first == doctest::Approx(6.7637).epsilon(1e-4));
    // A quarter of a turn each: (r, 0), (0, r), (-r, 0), (0, -r).
    const Real r = normal_pair(1u << 30, 0).first;
    CHECK(normal_pair(1u << 30, 1u << 30).second == r);
    CHECK(normal_pair(1u << 30, 2u << 30).first == -r);
    CHECK(normal_pair(1u << 30, 3u << 30).second == -r);
  }
}

}  // namespace
}  // namespace ink
