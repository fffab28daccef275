// Long sums in pieces, so that a small result keeps the chip busy too.
#pragma once

#include "tensor/kernels/real.h"

namespace ink::cuda {

// Chunks of `depth` terms, the last one shorter. They decide in which order terms are added, so
// they follow from the sizes alone. (GPU.8)
struct Chunks {
  Index depth, count;
};

// How to cut `products` sums over k that give matrices (m, n).
Chunks cut_sum(Index m, Index n, Index k, Index products);

// Partial sums (products, chunks, count), and what is added to their sum; null pointers add
// nothing.
struct ChunkSums {
  const Real* partial;
  Index products, chunks, count;
  Index stride;                    // from one product's result to the next
  Index columns = 1;               // a result is rows of as many elements
  const Real* bias = nullptr;      // (columns)
  const Real* residual = nullptr;  // shaped as the result; may be the result itself
};

// out (products, count), the chunks added in their order.
void add_chunks(Real* out, const ChunkSums& sums);

}  // namespace ink::cuda
