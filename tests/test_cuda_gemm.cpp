// The CUDA matrix product against the CPU's.
#include <doctest/doctest.h>

#include "tensor/kernels/gemm.h"
#include "tests/support/cuda_products.h"

namespace ink::test {
namespace {

struct Case {
  Index batch, m, n, k;
  bool transpose_a = false, transpose_b = false;
  bool bias = false, residual = false;
  bool one_b = false;  // B without a batch
  Index offset = 0;    // of A and B from what is aligned
};

std::size_t count_of(Index n) { return static_cast<std::size_t>(n); }

// A buffer with `offset` numbers before the first one.
std::vector<Real> behind(const std::vector<Real>& values, Index offset) {
  std::vector<Real> result(count_of(offset), 0);
  result.insert(result.end(), values.begin(), values.end());
  return result;
}

void check(const Case& c) {
  CAPTURE(c.batch);
  CAPTURE(c.m);
  CAPTURE(c.n);
  CAPTURE(c.k);
  CAPTURE(c.transpose_a);
  CAPTURE(c.transpose_b);
  CAPTURE(c.offset);
  const GemmSizes s{.batch = c.batch,
                    .m = c.m,
                    .n = c.n,
                    .k = c.k,
                    .transpose_a = c.transpose_a,
                    .transpose_b = c.transpose_b,
                    .stride_a = c.m * c.k,
                    .stride_b = c.one_b ? 0 : c.k * c.n,
                    .stride_c = c.m * c.n};
  const std::vector<Real> a = numbers(c.batch * c.m * c.k, 1);
  const std::vector<Real> b = numbers((c.one_b ? 1 : c.batch) * c.k * c.n, 2);
  const std::vector<Real> bias = numbers(c.n, 3), residual = numbers(c.batch * c.m * c.n, 4);
  const auto device = [&] {
    const OnDevice left(behind(a, c.offset)), right(behind(b, c.offset)), shift(bias);
    // The residual is C itself.
    OnDevice result(residual);
    cuda::gemm(result.data(), left.data() + c.offset, right.data() + c.offset,
               {c.bias ? shift.data() : nullptr, c.residual ? result.data() : nullptr}, s);
    return result.to_vector();
  };
  const auto cpu = [&](const auto& round) {
    const std::vector<Real> left = round(a), right = round(b);
    std::vector<Real> result(residual.size());
    cpu::gemm(result.data(), left.data(), right.data(),
              {c.bias ? bias.data() : nullptr, c.residual ? residual.data() : nullptr}, s);
    return result;
  };
  check_products(c.k + 2, device, cpu);
}

}  // namespace

TEST_CASE("(MM.1) (GPU.9) cuda gemm: every orientation, odd sizes and whole vectors") {
  for (const bool transpose_a : {false, true})
    for (const bool transpose_b : {false, true}) {
      check({1, 4, 8, 12, transpose_a, transpose_b, true, true});
      check({2, 5, 3, 7, transpose_a, transpose_b, true, true});
      check({1, 68, 36, 20, transpose_a, transpose_b});
      check({1, 33, 65, 17, transpose_a, transpose_b, false, true});
    }
}

TEST_CASE("cuda gemm: edges of tiles") {
  for (const Index size : {1, 15, 16, 17, 31, 32, 33}) {
    check({1, size, 4, 4});
    check({1, 4, size, 4, false, true});
    check({1, 4, 4, size, false, false, true});
  }
}

TEST_CASE("cuda gemm: batches, one B for all, pointers that are not aligned") {
  check({3, 8, 12, 16, false, false, true, true});
  check({3, 8, 12, 16, false, true, true, true, true});
  check({2, 8, 12, 16, true, false, true, true, false, 1});
  check({2, 8, 12, 16, false, false, false, false, false, 4});
}

TEST_CASE("(GPU.7) cuda gemm: every tile gives the same bits, in every orientation") {
  for (const bool transpose_a : {false, true})
    for (const bool transpose_b : {false, true})
      for (const Precision precision : kPrecisions) {
        const UsePrecision use(precision);
        const GemmSizes s{
            .m = 132, .n = 132, .k = 36, .transpose_a = transpose_a, .transpose_b = transpose_b};
        const OnDevice a(numbers(s.m * s.k, 1)), b(numbers(s.n * s.k, 2));
        std::vector<Real> first;
        for (const TileSize size : kTileSizes) {
          const cuda::ForceTile force(size);
          OnDevice c(s.m * s.n);
          cuda::gemm(c.data(), a.data(), b.data(), {}, s);
          const std::vector<Real> got = c.to_vector();
          if (first.empty()) first = got;
          CHECK(got == first);
        }
      }
}

TEST_CASE("(GPU.3) the tile follows the size of the product and of the chip") {
  using cuda::choose_tile;
  // Much work on a few multiprocessors: large tiles, as narrow as the result.
  CHECK(choose_tile(100'000, 256, 1, 40) == TileSize::k128x128);
  CHECK(choose_tile(100'000, 64, 1, 40) == TileSize::k128x64);
  CHECK(choose_tile(100'000, 32, 1, 40) == TileSize::k128x32);
  // Little work: small tiles, so that every multiprocessor has one.
  CHECK(choose_tile(512, 128, 1, 80) == TileSize::k64x64);
  CHECK(choose_tile(1, 1, 1, 80) == TileSize::k64x64);
}

TEST_CASE("(GPU.9) mistake: the last bits are cut off") {
  // Of positive numbers every error has the same sign: over 64 terms the sum is off by almost a
  // whole unit of the factors, where errors of rounding cancel.
  double exact = 0, rounding = 0, cutting = 0;
  for (int i = 0; i < 64; ++i) {
    const double a = 1 + 0.37 * std::fmod(i * 0.618, 1), b = 1 + 0.41 * std::fmod(i * 0.414, 1);
    const auto cut = [](double x) { return std::floor(x * 1024) / 1024; };
    exact += a * b;
    rounding += round_to_bits(a, 11, false) * round_to_bits(b, 11, false);
    cutting += cut(a) * cut(b);
  }
  CHECK(std::fabs(rounding / exact - 1) < std::ldexp(1, -12));
  CHECK(std::fabs(cutting / exact - 1) > std::ldexp(1, -11));
}

TEST_CASE("(GPU.8) mistake: partial sums in the order in which they are ready") {
  const float parts[3] = {1, std::ldexp(1.f, -24), std::ldexp(1.f, -24)};
  const float forward = (parts[0] + parts[1]) + parts[2];
  const float backward = (parts[2] + parts[1]) + parts[0];
  CHECK(forward != backward);
}

TEST_CASE("(GPU.8) cuda gemm: a long sum is cut into chunks") {
  check({1, 4, 8, 2048, true, false, true, true});
  check({2, 3, 5, 1500, false, false, true, true});
}

TEST_CASE("cuda gemm: nothing to sum, nothing to compute") {
  const OnDevice bias(numbers(3, 1));
  OnDevice c(6);
  cuda::gemm(c.data(), nullptr, nullptr, {bias.data(), nullptr}, {.m = 2, .n = 3, .k = 0});
  const std::vector<Real> got = c.to_vector(), expected = numbers(3, 1);
  for (std::size_t i = 0; i < 6; ++i) CHECK(got[i] == expected[i % 3]);
  cuda::gemm(nullptr, nullptr, nullptr, {}, {.m = 0, .n = 3, .k = 4});
}

}  // namespace ink::test
