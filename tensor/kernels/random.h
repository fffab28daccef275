// Counter-based random numbers: Philox4x32-10 (Salmon et al., 2011).
#pragma once

#include <cstdint>

#include "tensor/kernels/real.h"
#include "tensor/kernels/varying.h"

namespace ink {

// Four words of 32 random bits.
struct PhiloxBlock {
  std::uint32_t word[4];
};

// The block of random bits with the given number, under the key `seed`: a pure function, so any
// thread may compute any block. `upper` is the upper half of the 128-bit counter, for separate
// streams.
HD inline PhiloxBlock philox(std::uint64_t seed, std::uint64_t block, std::uint64_t upper = 0) {
  std::uint32_t c0 = static_cast<std::uint32_t>(block);
  std::uint32_t c1 = static_cast<std::uint32_t>(block >> 32);
  std::uint32_t c2 = static_cast<std::uint32_t>(upper);
  std::uint32_t c3 = static_cast<std::uint32_t>(upper >> 32);
  std::uint32_t k0 = static_cast<std::uint32_t>(seed);
  std::uint32_t k1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c0;
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c2;
    c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<std::uint32_t>(p1);
    c3 = static_cast<std::uint32_t>(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// Uniform on [0, 1): the upper 24 bits of a word.
HD inline Real unit_uniform(std::uint32_t word) {
  return static_cast<Real>(word >> 8) * Real(0x1p-24);
}

// Uniform on 0, ..., count - 1 for 1 <= count <= 2^24; the probabilities differ by 2^-32 at most.
HD inline std::uint32_t uniform_integer(std::uint32_t word, std::uint32_t count) {
  return static_cast<std::uint32_t>(std::uint64_t{word} * count >> 32);
}

// A draw of n numbers: element i takes word i % 4 of block first_block + i / 4 (normals come in
// pairs of words, by Box-Muller). It uses up (n + 3) / 4 blocks.
struct RandomDraw {
  std::uint64_t seed;
  std::uint64_t first_block;
  Index n;
};

namespace cpu {
// Uniform on [low, high). In float, 24 random bits each; in double, the same 24 bits, so that both
// builds see the same numbers up to rounding.
void random_uniform(Real* out, Real low, Real high, const Varying<RandomDraw>& draw);
// Normal with the given mean and standard deviation.
void random_normal(Real* out, Real mean, Real deviation, const Varying<RandomDraw>& draw);
// Whole numbers, uniform on low..high, both included; high - low < 2^24.
void random_integers(Real* out, Index low, Index high, const Varying<RandomDraw>& draw);
}  // namespace cpu
namespace cuda {
void random_uniform(Real* out, Real low, Real high, const Varying<RandomDraw>& draw);
void random_normal(Real* out, Real mean, Real deviation, const Varying<RandomDraw>& draw);
void random_integers(Real* out, Index low, Index high, const Varying<RandomDraw>& draw);
}  // namespace cuda

}  // namespace ink
