#include "bench/peak.h"

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif
#include <omp.h>

#include <algorithm>
#include <vector>

#include "bench/timer.h"
#include "tensor/cpu/parallel.h"
#include "tensor/cpu/register_tile.h"
#include "tensor/cpu/simd.h"

namespace ink::bench {
namespace {

// Of a few milliseconds each: for a moment a new thread may share the core of another.
constexpr int kRuns = 300;

// Independent chains of fused multiply-adds: two units of five cycles' latency are busy with ten.
// They must all fit the registers.
constexpr int kChains = std::min(16, cpu::kVectorRegisters * 3 / 4);

// Not for the compiler to know: 1 * 0.999 + 0.001 is 1, and it leaves out a chain that stays at 1.
const volatile Real kFactor = Real(0.999);

Real multiply_add_chains(Index rounds) {
  cpu::Vector chain[kChains];
  for (int i = 0; i < kChains; ++i) chain[i] = cpu::splat(static_cast<Real>(i));
  const cpu::Vector a = cpu::splat(kFactor), b = cpu::splat(Real(1e-3));
  for (Index round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) chain[i] = chain[i] * a + b;
  }
  Real total = 0;
  for (const cpu::Vector& v : chain) total += v[0];
  return total;
}

#ifdef __AVX512BF16__
// The same with pairs of bfloat16 products, 64 FLOP an instruction.
float bf16_chains(Index rounds) {
  __m512 chain[kChains];
  for (int i = 0; i < kChains; ++i) chain[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512 small = _mm512_set1_ps(1e-3F);
  const __m512bh a = _mm512_cvtne2ps_pbh(small, small);
  for (Index round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) chain[i] = _mm512_dpbf16_ps(chain[i], a, a);
  }
  float total = 0;
  for (const __m512& v : chain) total += v[0];
  return total;
}
#endif

}  // namespace

double fma_peak() {
  constexpr Index kRounds = 500'000;
  volatile Real sink = 0;
  const double seconds = best_of(kRuns, [&] {
    Real total = 0;
#pragma omp parallel reduction(+ : total)
    total += multiply_add_chains(kRounds);
    sink = total;
  });
  const double per_thread = 2.0 * kChains * cpu::kLanes * static_cast<double>(kRounds);
  return per_thread * omp_get_max_threads() / seconds;
}

std::optional<double> bf16_peak() {
#ifdef __AVX512BF16__
  constexpr Index kRounds = 500'000;
  volatile float sink = 0;
  const double seconds = best_of(kRuns, [&] {
    float total = 0;
#pragma omp parallel reduction(+ : total)
    total += bf16_chains(kRounds);
    sink = total;
  });
  return 64.0 * kChains * static_cast<double>(kRounds) * omp_get_max_threads() / seconds;
#else
  return std::nullopt;
#endif
}

double memory_bandwidth() {
  constexpr Index kCount = Index{1} << 25;
  std::vector<Real> a(kCount), b(kCount, 1), c(kCount, 2);
  const double seconds = best_of(5, [&] {
#pragma omp parallel for schedule(static)
    for (Index i = 0; i < kCount; ++i) {
      const auto k = static_cast<std::size_t>(i);
      a[k] = b[k] + Real(3) * c[k];
    }
  });
  return 3.0 * sizeof(Real) * static_cast<double>(kCount) / seconds;
}

double sharing_overhead() {
  constexpr int kLoops = 100, kSamples = 301;
  const std::vector<double> seconds = time_runs(kSamples, [] {
    for (int i = 0; i < kLoops; ++i)
      cpu::parallel_blocks(omp_get_max_threads(), 1, [](Index, Index) {});
  });
  return seconds[kSamples / 2] / kLoops;
}

}  // namespace ink::bench
