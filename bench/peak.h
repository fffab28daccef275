// What the machine can do at most: the yardsticks of the benchmark.
#pragma once

#include <optional>

namespace ink::bench {

// Fused multiply-adds of Real on all OpenMP threads, in FLOP/s (an FMA counts 2), best of several
// runs.
double fma_peak();

// The same for pairs of products of bfloat16 (AVX512-BF16), added in float; nothing where the
// machine or the build has no such instruction.
std::optional<double> bf16_peak();

// Bytes read and written per second by a = b + s c on arrays far larger than the caches, all
// threads.
double memory_bandwidth();

// Seconds that a loop without work takes when all threads share it, the median: to start them and
// to wait for them. Twice or three times as long where two cores have no cache in common.
double sharing_overhead();

}  // namespace ink::bench
