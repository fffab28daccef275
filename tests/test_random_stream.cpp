// The stream of random tensors: its state, its forks, permutations. The generator itself is tested
// in test_random.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tensor/ops.h"
#include "tensor/random.h"

namespace ink {
namespace {

double correlation(const Tensor& a, const Tensor& b) {
  const auto n = static_cast<double>(a.count());
  const double mean_a = mean(a).item(), mean_b = mean(b).item();
  const double joint = static_cast<double>(mean(a * b).item()) - mean_a * mean_b;
  const double spread_a = static_cast<double>(sum_of_squares(a).item()) / n - mean_a * mean_a;
  const double spread_b = static_cast<double>(sum_of_squares(b).item()) / n - mean_b * mean_b;
  return joint / std::sqrt(spread_a * spread_b);
}

}  // namespace

TEST_CASE("random: the numbers follow from the seed and from what was drawn before") {
  Random one(7), two(7), other(8);
  const Tensor a = one.normal({3, 5}), b = one.uniform({4});
  CHECK(equal(two.normal({3, 5}), a));
  CHECK(equal(two.uniform({4}), b));
  CHECK_FALSE(equal(other.normal({3, 5}), a));
  CHECK_FALSE(equal(two.uniform({4}), b));
  CHECK(one.seed() == 7);
}

TEST_CASE("random: the position counts blocks of four, and setting it goes back") {
  Random random(1);
  CHECK(random.position() == 0);
  random.uniform({4});
  CHECK(random.position() == 1);
  random.normal({5});
  CHECK(random.position() == 3);
  random.uniform_int(0, 9, {0});
  CHECK(random.position() == 3);

  const std::uint64_t here = random.position();
  const Tensor a = random.normal({7}), p = random.permutation(5);
  random.set_position(here);
  CHECK(equal(random.normal({7}), a));
  CHECK(equal(random.permutation(5), p));

  // Another object in the same state goes on alike.
  Random restored(1);
  restored.set_position(random.position());
  CHECK(equal(restored.uniform({9}), random.uniform({9})));
}

TEST_CASE("random: shapes hold the same stream") {
  Random one(3), two(3);
  CHECK(equal(one.uniform({2, 6}), two.uniform({12}).reshape({2, 6})));
  Random parts(4), whole(4);
  const Tensor first = parts.normal({8}), second = parts.normal({8});
  CHECK(equal(concat({first, second}, 0), whole.normal({16})));
}

TEST_CASE("random: bounds, mean and deviation") {
  Random one(5), two(5);
  const Tensor unit = one.uniform({1000});
  CHECK(allclose(two.uniform({1000}, -2, 6), unit * 8 - 2, 0, 1e-6));
  const Tensor standard = one.normal({1000});
  CHECK(allclose(two.normal({1000}, 3, 2), standard * 2 + 3, 1e-6, 1e-6));
  CHECK(max(unit).item() < 1);
  CHECK(max(-unit).item() <= 0);
  CHECK(std::fabs(mean(unit).item() - 0.5) < 5 / std::sqrt(12.0 * 1000));
  CHECK(std::fabs(mean(standard).item()) < 5 / std::sqrt(1000.0));
}

TEST_CASE("random: whole numbers, both ends included") {
  Random random(6);
  std::map<Real, int> counts;
  for (const Real value : random.uniform_int(-1, 3, {5000}).to_vector()) ++counts[value];
  REQUIRE(counts.size() == 5);
  CHECK(counts.begin()->first == -1);
  CHECK(counts.rbegin()->first == 3);
  for (const auto& entry : counts) {
    const auto value = entry.first;
    const auto count = entry.second;
    CAPTURE(value);
    CHECK(std::abs(count - 1000) < 5 * std::sqrt(1000 * 0.8));
  }
  CHECK(random.uniform_int(4, 4, {1}).item() == 4);
  CHECK_THROWS_WITH_AS(random.uniform_int(2, 1, {1}),
                       "[uniform_int] expected low <= high < low + 2^24, got 2 and 1", Error);
  CHECK_THROWS_WITH_AS(random.uniform_int(0, 16777216, {1}),
                       "[uniform_int] expected low <= high < low + 2^24, got 0 and 16777216",
                       Error);
}

TEST_CASE("random: a permutation has every number once") {
  Random random(7);
  for (const Index n : {0, 1, 2, 33, 1000}) {
    CAPTURE(n);
    std::vector<Real> order = random.permutation(n).to_vector();
    std::sort(order.begin(), order.end());
    CHECK(order == Tensor::arange(0, n).to_vector());
  }
  CHECK_FALSE(equal(random.permutation(100), random.permutation(100)));
  CHECK_THROWS_WITH_AS(random.permutation(-1), "[permutation] expected 0 <= n < 2^24, got -1",
                       Error);
  CHECK_THROWS_AS(random.permutation(Index{1} << 24), Error);
}

TEST_CASE("random: all orders of a permutation are equally likely") {
  Random random(8);
  std::map<std::vector<Real>, int> counts;
  const int draws = 12000;
  for (int i = 0; i < draws; ++i) ++counts[random.permutation(4).to_vector()];
  REQUIRE(counts.size() == 24);
  double chi_square = 0;
  for (const auto& [order, count] : counts) {
    chi_square += std::pow(count - draws / 24.0, 2) / (draws / 24.0);
  }
  // 23 degrees of freedom: mean 23, standard deviation 6.8.
  CHECK(chi_square < 23 + 5 * 6.8);
}

TEST_CASE("random: forks are streams of their own") {
  Random random(9);
  Random a = random.fork(1), b = random.fork(2), again = random.fork(1);
  random.normal({100});
  Random later = random.fork(1);
  const Index n = 20000;
  const Tensor from_a = a.normal({n}), from_b = b.normal({n}), from_parent = Random(9).normal({n});
  CHECK(equal(again.normal({n}), from_a));
  CHECK(equal(later.normal({n}), from_a));
  const double five_sigma = 5 / std::sqrt(static_cast<double>(n));
  CHECK(std::fabs(correlation(from_a, from_b)) < five_sigma);
  CHECK(std::fabs(correlation(from_a, from_parent)) < five_sigma);
  CHECK(std::fabs(correlation(from_b, from_parent)) < five_sigma);
  // Forks of forks, and the same name under another seed.
  CHECK_FALSE(equal(a.fork(1).normal({4}), random.fork(1).normal({4})));
  CHECK_FALSE(equal(Random(10).fork(1).normal({4}), random.fork(1).normal({4})));
}

}  // namespace ink
