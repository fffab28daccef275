// What the machine can do at most: the yardsticks of the benchmark.
#pragma once

namespace ink::bench {

// Fused multiply-adds of Real on all OpenMP threads, in FLOP/s (an FMA counts 2), best of several
// runs.
double fma_peak();

// Bytes read and written per second by a = b + s c on arrays far larger than the caches, all
// threads.
double memory_bandwidth();

}  // namespace ink::bench
