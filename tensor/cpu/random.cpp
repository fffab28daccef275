#include "tensor/kernels/random.h"

#include <algorithm>
#include <cmath>

#include "tensor/cpu/parallel.h"
#include "tensor/kernels/normal.h"

namespace ink::cpu {

namespace {

// Blocks of Philox that are drawn at a time, word by word, so that loops over them vectorise.
constexpr Index kBatch = 64;
constexpr Index kNumbers = 4 * kBatch;

struct Words {
  alignas(64) std::uint32_t word[4][kBatch];

  Words(std::uint64_t seed, std::uint64_t first_block) {
#pragma omp simd
    for (Index b = 0; b < kBatch; ++b) {
      const PhiloxBlock block = philox(seed, first_block + static_cast<std::uint64_t>(b));
      word[0][b] = block.word[0];
      word[1][b] = block.word[1];
      word[2][b] = block.word[2];
      word[3][b] = block.word[3];
    }
  }
};

// Fills out with the numbers that transform(to, words) makes of each batch of blocks.
template <class Transform>
void draw_batches(Real* out, const RandomDraw& draw, const Transform& transform) {
  parallel_blocks(draw.n, 16 * kNumbers, [&](Index first, Index last) {
    for (Index i = first; i < last; i += kNumbers) {
      const Words words(draw.seed, draw.first_block + static_cast<std::uint64_t>(i / 4));
      Real number[kNumbers];
      transform(number, words);
      std::copy(number, number + std::min(kNumbers, last - i), out + i);
    }
  });
}

// Fills out with transform(word), one number of each word.
template <class Transform>
void draw_each(Real* out, const RandomDraw& draw, const Transform& transform) {
  draw_batches(out, draw, [&](Real* number, const Words& words) {
#pragma omp simd
    for (Index b = 0; b < kBatch; ++b) {
      for (Index w = 0; w < 4; ++w) number[4 * b + w] = transform(words.word[w][b]);
    }
  });
}

}  // namespace

void random_uniform(Real* out, Real low, Real high, const Varying<RandomDraw>& draw) {
  // Rounding may carry the sum up to `high`, which does not belong to the interval.
  const Real below_high = std::max(low, std::nextafter(high, low));
  draw_each(out, draw.value, [=](std::uint32_t word) {
    const Real x = std::fma(high - low, unit_uniform(word), low);
    return x < below_high ? x : below_high;
  });
}

void random_normal(Real* out, Real mean, Real deviation, const Varying<RandomDraw>& draw) {
  draw_batches(out, draw.value, [=](Real* number, const Words& words) {
#pragma omp simd
    for (Index b = 0; b < kBatch; ++b) {
      const NormalPair one = normal_pair(words.word[0][b], words.word[1][b]);
      const NormalPair two = normal_pair(words.word[2][b], words.word[3][b]);
      number[4 * b] = std::fma(deviation, one.first, mean);
      number[4 * b + 1] = std::fma(deviation, one.second, mean);
      number[4 * b + 2] = std::fma(deviation, two.first, mean);
      number[4 * b + 3] = std::fma(deviation, two.second, mean);
    }
  });
}

void random_integers(Real* out, Index low, Index high, const Varying<RandomDraw>& draw) {
  const auto count = static_cast<std::uint32_t>(high - low + 1);
  draw_each(out, draw.value, [=](std::uint32_t word) {
    return static_cast<Real>(low + static_cast<Index>(uniform_integer(word, count)));
  });
}

}  // namespace ink::cpu
