// From a product to its launch: which tile, which numbers.
#pragma once

#include <cstdint>
#include <type_traits>

#include "cuda/output.cuh"
#include "cuda/precision.h"
#include "cuda/runtime.h"
#include "cuda/tile_choice.h"
#include "cuda/tile_sums.cuh"
#include "cuda/views.cuh"

namespace ink::cuda {

// Whether vectors of 16 bytes may be read and written from each of the pointers on; null is fine.
template <class... Pointers>
bool aligned(const Pointers*... pointers) {
  return ((reinterpret_cast<std::uintptr_t>(pointers) % 16 == 0) && ...);
}

// An extent that a kernel counts in 32 bits.
inline int narrow(Index n) {
  if (n >= (Index{1} << 29)) throw Error("[cuda] a product of more than 2^29 rows or columns");
  return static_cast<int>(n);
}

template <class Shape, class Numbers, class Products>
void launch_tiles(const Products& products, Index m, Index n, Index count) {
  const TileGrid grid{narrow(divide_up(m, Shape::kM)), narrow(divide_up(n, Shape::kN))};
  launch(multiply_tiles<Shape, Numbers, Products>,
         {blocks_for(count * grid.rows * grid.columns, 1), Shape::kThreads, Shape::kSharedBytes},
         products, grid);
}

// The tile that suits the product. Single elements are copied to the smallest one alone; and sums
// outside of tensor cores find no room for the largest.
template <class Numbers, class Products>
void launch_numbers(const Products& products, Index m, Index n, Index count) {
  if constexpr (Products::kVector == 1) {
    launch_tiles<TileShape<64, 64, 2, 2, 3>, Numbers>(products, m, n, count);
  } else {
    constexpr bool kTensorCores = !std::is_same_v<Numbers, Simt>;
    switch (choose_tile(m, n, count, chip().multiprocessors)) {
      case TileSize::k128x128:
        if constexpr (kTensorCores)
          return launch_tiles<TileShape<128, 128, 2, 2, 2>, Numbers>(products, m, n, count);
        [[fallthrough]];
      case TileSize::k128x64:
        return launch_tiles<TileShape<128, 64, 2, 2, 2>, Numbers>(products, m, n, count);
      case TileSize::k128x32:
        return launch_tiles<TileShape<128, 32, 4, 1, 3>, Numbers>(products, m, n, count);
      case TileSize::k64x64:
        return launch_tiles<TileShape<64, 64, 2, 2, 4>, Numbers>(products, m, n, count);
    }
  }
}

// Computes products.product(0) ... product(count - 1), none larger than (m, n).
template <class Products>
void multiply(const Products& products, Index m, Index n, Index count) {
  if (m == 0 || n == 0 || count == 0) return;
  if constexpr (sizeof(Real) == sizeof(float)) {
    if (precision() == Precision::tf32) return launch_numbers<Tf32>(products, m, n, count);
    if (precision() == Precision::bf16) return launch_numbers<Bf16>(products, m, n, count);
  }
  launch_numbers<Simt>(products, m, n, count);
}

}  // namespace ink::cuda
