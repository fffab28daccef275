// The warp-wide products: the fragment of each lane, and the rounding of what they multiply.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "cuda/mma.cuh"
#include "cuda/runtime.h"
#include "tests/support/cuda.h"
#include "tests/support/cuda_checks.h"

namespace ink::test {
namespace {

// D (16, 8) = A (16, k) B (k, 8), each lane its own fragments by the tables of the PTX ISA. (With
// Real = double nobody calls them.)
[[maybe_unused]] __global__ void multiply_tf32(float* d, const float* a, const float* b) {
  const int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4;
  const std::uint32_t left[4] = {
      cuda::round_to_tf32(a[g * 8 + t]), cuda::round_to_tf32(a[(g + 8) * 8 + t]),
      cuda::round_to_tf32(a[g * 8 + t + 4]), cuda::round_to_tf32(a[(g + 8) * 8 + t + 4])};
  const std::uint32_t right[2] = {cuda::round_to_tf32(b[t * 8 + g]),
                                  cuda::round_to_tf32(b[(t + 4) * 8 + g])};
  float sum[4] = {};
  cuda::mma_m16n8k8_tf32(sum, left, right);
  for (int i = 0; i < 4; ++i) d[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = sum[i];
}

[[maybe_unused]] __global__ void multiply_bf16(float* d, const float* a, const float* b) {
  const int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4;
  std::uint32_t left[4], right[2];
  for (int i = 0; i < 4; ++i) {
    const float* pair = a + (g + i % 2 * 8) * 16 + 2 * t + i / 2 * 8;
    left[i] = cuda::pack_bf16(pair[0], pair[1]);
  }
  for (int i = 0; i < 2; ++i) {
    const float* pair = b + (2 * t + i * 8) * 8 + g;
    right[i] = cuda::pack_bf16(pair[0], pair[8]);
  }
  float sum[4] = {};
  cuda::mma_m16n8k16_bf16(sum, left, right);
  for (int i = 0; i < 4; ++i) d[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = sum[i];
}

// Whole numbers up to 100 are exact in all three formats, and so are their sums: no tolerance.
template <class Kernel>
void check_product(const Kernel& kernel, int k) {
  std::vector<Real> a(static_cast<std::size_t>(16 * k)), b(static_cast<std::size_t>(8 * k));
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<Real>(i * 37 % 101) - 50;
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<Real>(i * 53 % 97) - 40;
  std::vector<Real> expected(16 * 8);
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 8; ++j)
      for (int q = 0; q < k; ++q)
        expected[static_cast<std::size_t>(i * 8 + j)] +=
            a[static_cast<std::size_t>(i * k + q)] * b[static_cast<std::size_t>(q * 8 + j)];
  for_each_schedule([&] {
    const OnDevice left(a), right(b);
    OnDevice d(16 * 8);
    cuda::launch(kernel, {1, 32}, reinterpret_cast<float*>(d.data()),
                 reinterpret_cast<const float*>(left.data()),
                 reinterpret_cast<const float*>(right.data()));
    CHECK(d.to_vector() == expected);
  });
}

// Each thread copies a number; what a thread and its neighbour then see.
__global__ void copy_neighbours(Real* seen, const Real* x, bool wait, bool barrier) {
  __shared__ Real tile[64];
  const int i = static_cast<int>(threadIdx.x);
  cuda::copy_async<sizeof(Real)>(tile + i, x + i, i % 2 == 0);
  cuda::copy_async_commit();
  if (wait) cuda::copy_async_wait<0>();
  if (barrier) __syncthreads();
  seen[i] = tile[i];
  seen[64 + i] = tile[63 - i];
}

float tf32(float x) { return std::bit_cast<float>(cuda::round_to_tf32(x)); }
float bf16(float x) { return std::bit_cast<float>(cuda::round_to_bf16(x) << 16); }

}  // namespace

TEST_CASE("(GPU.5) the fragments of a warp make a product of 16 x 8 numbers") {
  if constexpr (sizeof(Real) == sizeof(float)) {
    check_product(multiply_tf32, 8);
    check_product(multiply_bf16, 16);
  }
}

TEST_CASE("a copy has arrived for those who waited, and for others after a barrier") {
  const std::vector<Real> x = numbers(64, 1);
  const OnDevice from(x);
  for_each_schedule([&] {
    OnDevice seen(128);
    cuda::launch(copy_neighbours, {1, 64}, seen.data(), from.data(), true, true);
    const std::vector<Real> got = seen.to_vector();
    for (std::size_t i = 0; i < 64; ++i) {
      CHECK(got[i] == (i % 2 == 0 ? x[i] : 0));
      CHECK(got[64 + i] == got[63 - i]);
    }
  });
  OnDevice seen(128);
  cuda::launch(copy_neighbours, {1, 64}, seen.data(), from.data(), false, true);
  for (const Real value : seen.to_vector()) CHECK(std::isnan(value));
  // Without a barrier the first thread looks before the last has begun.
  cuda::launch(copy_neighbours, {1, 64}, seen.data(), from.data(), true, false);
  CHECK(seen.to_vector()[0] == x[0]);
  CHECK(std::isnan(seen.to_vector()[64]));
}

TEST_CASE("TF32 rounds to the nearest of 11 bits, ties away from zero") {
  const float ulp = std::ldexp(1.f, -10);
  CHECK(tf32(1 + ulp) == 1 + ulp);
  CHECK(tf32(1 + 0.49f * ulp) == 1);
  CHECK(tf32(1 + 0.5f * ulp) == 1 + ulp);
  CHECK(tf32(-1 - 0.5f * ulp) == -1 - ulp);
  CHECK(tf32(1 + 1.5f * ulp) == 1 + 2 * ulp);
  CHECK(tf32(2 - std::ldexp(1.f, -20)) == 2);
  CHECK(std::isinf(tf32(std::numeric_limits<float>::infinity())));
  CHECK(std::isinf(tf32(std::numeric_limits<float>::max())));
  CHECK(std::isnan(tf32(std::numeric_limits<float>::quiet_NaN())));
}

TEST_CASE("bf16 rounds to the nearest of 8 bits, ties to even") {
  const float ulp = std::ldexp(1.f, -7);
  CHECK(bf16(1 + 0.5f * ulp) == 1);
  CHECK(bf16(1 + 1.5f * ulp) == 1 + 2 * ulp);
  CHECK(bf16(-1 - 1.5f * ulp) == -1 - 2 * ulp);
  CHECK(bf16(1 + 0.51f * ulp) == 1 + ulp);
  CHECK(std::isinf(bf16(std::numeric_limits<float>::max())));
  CHECK(std::isnan(bf16(std::numeric_limits<float>::quiet_NaN())));
}

}  // namespace ink::test
