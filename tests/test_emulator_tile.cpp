// The parts of the tile engine, one by one: addresses, banks, division, fragments.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "cuda/runtime.h"
#include "cuda/tile_sums.cuh"
#include "cuda/views.cuh"
#include "cuda/window.h"
#include "tests/support/cuda.h"
#include "tests/support/cuda_checks.h"

namespace ink::test {
namespace {

using cuda::Along;
using cuda::kDepth;

// The most words that the lanes of one access want of a bank. Lanes that want the same word share
// it; accesses of 16 bytes are made by eight lanes at a time.
int conflicts(const std::vector<int>& first_words, int words) {
  const std::size_t lanes_at_once = words == 4 ? 8 : 32;
  int most = 0;
  for (std::size_t first = 0; first < first_words.size(); first += lanes_at_once) {
    std::map<int, std::set<int>> of_bank;
    for (std::size_t i = first; i < std::min(first + lanes_at_once, first_words.size()); ++i)
      for (int word = first_words[i]; word < first_words[i] + words; ++word)
        of_bank[word % 32].insert(word);
    for (const auto& [bank, wanted] : of_bank)
      most = std::max(most, static_cast<int>(wanted.size()));
  }
  return most;
}

// The conflicts of all lanes that read or write (row(lane), k(lane)).
template <class Tile, class Row, class K>
int conflicts(const Row& row, const K& k, int words) {
  std::vector<int> places;
  for (int lane = 0; lane < 32; ++lane) places.push_back(Tile::offset(row(lane), k(lane)));
  return conflicts(places, words);
}

template <int kRows>
void check_banks() {
  using AlongK = cuda::SharedTile<kRows, Along::k>;
  using AlongRows = cuda::SharedTile<kRows, Along::rows>;
  for (int first = 0; first + 16 <= kRows; first += 8) {
    // Eight rows, or sixteen in two parts, for tensor cores.
    CHECK(conflicts<AlongK>([&](int lane) { return first + lane % 8; },
                            [](int lane) { return lane / 8 * 4; }, 4) == 1);
    for (int k = 0; k < kDepth; k += 8)
      CHECK(conflicts<AlongK>([&](int lane) { return first + lane % 16; },
                              [&](int lane) { return lane / 16 * 4 + k; }, 4) == 1);
    for (int k = 0; k < kDepth; k += 4)
      CHECK(conflicts<AlongRows>([&](int lane) { return first + lane / 4; },
                                 [&](int lane) { return lane % 4 + k; }, 1) == 1);
    // The copies of a warp: whole vectors, or single elements.
    CHECK(conflicts<AlongK>([&](int lane) { return first + lane / 4; },
                            [](int lane) { return lane % 4 * 4; }, 4) == 1);
    CHECK(conflicts<AlongK>([&](int lane) { return first + lane / 16; },
                            [](int lane) { return lane % 16; }, 1) == 1);
  }
  for (int k = 0; k < kDepth; ++k) {
    const int across = kRows / 4;
    CHECK(conflicts<AlongRows>([&](int lane) { return lane % across * 4; },
                               [&](int lane) { return (k + lane / across) % kDepth; }, 4) == 1);
    // Squares of the ordinary units: four threads down, eight across.
    CHECK(conflicts<AlongRows>([](int lane) { return lane / 8 * 4; }, [&](int) { return k; }, 4) ==
          1);
    CHECK(conflicts<AlongRows>([](int lane) { return lane % 8 * 4; }, [&](int) { return k; }, 4) ==
          1);
  }
  for (int k = 0; k < kDepth; k += 4)
    for (int i = 0; i < 4; ++i) {
      CHECK(conflicts<AlongK>([&](int lane) { return lane / 8 * 4 + i; }, [&](int) { return k; },
                              4) == 1);
      CHECK(conflicts<AlongK>([&](int lane) { return lane % 8 * 4 + i; }, [&](int) { return k; },
                              4) <= 2);
    }
}

// Element (row, k) of a step is 100 row + k. What lane l of a warp loads of the 32 rows from
// `first` on, eight and sixteen at a time: loaded[l] are 16 and 16 numbers.
template <Along kAlong>
__global__ void load_rows(Real* loaded, int first) {
  using Tile = cuda::SharedTile<64, kAlong>;
  alignas(16) __shared__ Real tile[Tile::kSize];
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = lane; i < Tile::kSize; i += 32)
    tile[Tile::offset(i / kDepth, i % kDepth)] = static_cast<Real>(i / kDepth * 100 + i % kDepth);
  __syncthreads();
  Real* const to = loaded + lane * 32;
  for (int part = 0; part < 4; ++part) {
    Real eight[4];
    Tile::eight(eight, tile, first, part * 8);
    for (int i = 0; i < 4; ++i) to[part * 4 + i] = eight[i];
  }
  for (int part = 0; part < 2; ++part) {
    Real sixteen[4][2];
    Tile::sixteen(sixteen, tile, first, part * 16);
    for (int i = 0; i < 8; ++i) to[16 + part * 8 + i] = sixteen[i / 2][i % 2];
  }
}

Real element(const cuda::Source& source) { return source.inside ? *source.data : Real(0); }

template <class Numbers>
__global__ void multiply_fragments(float* d, const Real* a, const Real* b) {
  const int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4;
  Real left[4][2], right[4];
  for (int i = 0; i < 4; ++i) {
    left[i][0] = a[g * 16 + t + 4 * i];
    left[i][1] = a[(g + 8) * 16 + t + 4 * i];
    right[i] = b[g * 16 + t + 4 * i];
  }
  float sum[4] = {};
  Numbers::multiply_add(sum, Numbers::left(left), Numbers::right(right));
  for (int i = 0; i < 4; ++i) d[(g + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = sum[i];
}

}  // namespace

TEST_CASE("(GPU.2) a window is the matrix of a convolution, its transpose that of the gradient") {
  const Conv2dSizes s{2, 4, 5, 3, 2, 3, 3, 2, 1};
  const std::vector<Real> x = numbers(s.n * s.h * s.w * s.c_in, 1);
  const cuda::WindowView view = cuda::forward_window(x.data(), s);
  int line = 0;
  for (Index n = 0; n < s.n; ++n)
    for (Index i = 0; i < s.out_h(); ++i)
      for (Index j = 0; j < s.out_w(); ++j, ++line) {
        int column = 0;
        for (Index u = 0; u < 3; ++u)
          for (Index v = 0; v < 3; ++v)
            for (Index c = 0; c < s.c_in; ++c, ++column) {
              const Index r = i * s.stride + u - s.padding, q = j * s.stride + v - s.padding;
              const bool inside = r >= 0 && r < s.h && q >= 0 && q < s.w;
              const auto place = static_cast<std::size_t>(((n * s.h + r) * s.w + q) * s.c_in + c);
              const Real expected = inside ? x[place] : Real(0);
              CHECK(element(view.at(view.line(line), view.column(column))) == expected);
            }
        CHECK_FALSE(view.at(view.line(line), view.column(column)).inside);
      }
  CHECK_FALSE(view.at(view.line(line), view.column(0)).inside);
  CHECK_FALSE(view.at(view.line(line), view.column(view.columns)).inside);
}

TEST_CASE("(GPU.4) division by a multiplication, for every divisor and at every edge") {
  const int most = 0x7FFFFFFF;
  for (const int d : {1, 2, 3, 5, 7, 9, 28, 31, 32, 33, 49, 784, 1000, 65535, 65536, 65537,
                      (1 << 30) - 1, 1 << 30, most}) {
    const cuda::Divisor divisor(d);
    for (const std::int64_t q : {0, 1, 2, 3, 1000, most / d - 1, most / d})
      for (const std::int64_t r : {-1, 0, 1}) {
        const std::int64_t n = std::clamp<std::int64_t>(q * d + r, 0, most);
        CHECK(divisor.quotient(static_cast<int>(n)) == n / d);
      }
    CHECK(divisor.quotient(most) == most / d);
  }
}

TEST_CASE("(GPU.6) neither copies nor loads of a step meet in a bank") {
  check_banks<32>();
  check_banks<64>();
  check_banks<128>();
}

TEST_CASE("(GPU.6) every lane finds its rows, wherever they begin and however they lie") {
  if constexpr (sizeof(Real) == sizeof(float)) {
    for (const bool along_k : {true, false})
      for (const int first : {0, 32}) {
        OnDevice loaded(32 * 32);
        cuda::launch(along_k ? load_rows<Along::k> : load_rows<Along::rows>, {1, 32}, loaded.data(),
                     first);
        const std::vector<Real> got = loaded.to_vector();
        for (int lane = 0; lane < 32; ++lane)
          for (int i = 0; i < 32; ++i) {
            const bool eight = i < 16;
            const int down = eight ? i / 4 * 8 : i % 16 / 8 * 16 + i % 2 * 8;
            const int k = lane % 4 + 4 * (eight ? i % 4 : i % 8 / 2);
            CHECK(got[static_cast<std::size_t>(lane * 32 + i)] ==
                  static_cast<Real>((first + down + lane / 4) * 100 + k));
          }
      }
  }
}

TEST_CASE("(GPU.6) mistake: rows one after another") {
  // Eight rows of 16 numbers without the exchange: the same four words of every second row.
  std::vector<int> places;
  for (int lane = 0; lane < 32; ++lane) places.push_back(lane % 8 * kDepth);
  CHECK(conflicts(places, 4) == 4);
}

TEST_CASE("(GPU.7) terms in another order, the same for both factors: the same sum") {
  if constexpr (sizeof(Real) == sizeof(float)) {
    // Whole numbers, whose sums are exact in any order.
    std::vector<Real> a(16 * 16), b(8 * 16), expected(16 * 8);
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<Real>(i * 37 % 101) - 50;
    for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<Real>(i * 53 % 97) - 40;
    for (std::size_t i = 0; i < 16; ++i)
      for (std::size_t j = 0; j < 8; ++j)
        for (std::size_t k = 0; k < 16; ++k) expected[i * 8 + j] += a[i * 16 + k] * b[j * 16 + k];
    const OnDevice left(a), right(b);
    for (const bool bf16 : {false, true}) {
      OnDevice d(16 * 8);
      auto* const kernel = bf16 ? multiply_fragments<cuda::Bf16> : multiply_fragments<cuda::Tf32>;
      cuda::launch(kernel, {1, 32}, reinterpret_cast<float*>(d.data()), left.data(), right.data());
      CHECK(d.to_vector() == expected);
    }
  }
}

}  // namespace ink::test
