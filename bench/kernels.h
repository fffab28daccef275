// Each kernel alone, at the sizes that the UNet presets use.
#pragma once

namespace ink::bench {

// Prints a table: GFLOP/s and share of the FMA peak for products, GB/s and share of the memory
// bandwidth for the others.
void bench_kernels(double peak_flops, double bandwidth);

}  // namespace ink::bench
