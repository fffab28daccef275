// Every row of the op table, forward and backward, at benchmark size.
#pragma once

namespace ink::bench {

// Prints a table of milliseconds, and GFLOP/s where the forward pass is a product.
void bench_ops();

}  // namespace ink::bench
