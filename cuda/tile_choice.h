// Which tile computes a product. Every choice gives the same bits.
#pragma once

#include "tensor/kernels/real.h"

namespace ink::cuda {

inline Index divide_up(Index a, Index b) { return (a + b - 1) / b; }

// Rows and columns of a block's tile.
enum class TileSize { k128x128, k128x64, k128x32, k64x64 };

struct TileExtent {
  int m, n;
};
TileExtent extent(TileSize size);

// The tile whose blocks finish `products` products C (m, n) first on this chip, by a model: waves
// of blocks times the work of one. (GPU.3)
TileSize choose_tile(Index m, Index n, Index products, int multiprocessors);

// Takes `size` for all products while it lives, as a test or a benchmark may want.
class ForceTile {
 public:
  explicit ForceTile(TileSize size);
  ~ForceTile();
  ForceTile(const ForceTile&) = delete;
  ForceTile& operator=(const ForceTile&) = delete;
};

}  // namespace ink::cuda
