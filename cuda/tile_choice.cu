#include "cuda/tile_choice.h"

#include <optional>

namespace ink::cuda {
namespace {

std::optional<TileSize> forced;

// Multiply-adds that take as long as the copy of one element of an operand.
constexpr double kLoadCost = 16;

}  // namespace

TileExtent extent(TileSize size) {
  switch (size) {
    case TileSize::k128x128:
      return {128, 128};
    case TileSize::k128x64:
      return {128, 64};
    case TileSize::k128x32:
      return {128, 32};
    case TileSize::k64x64:
      return {64, 64};
  }
  return {};
}

// A step of k loads m + n elements of each operand for m n multiply-adds, and a multiprocessor
// works on as many as its two resident blocks ask for. (GPU.3)
TileSize choose_tile(Index m, Index n, Index products, int multiprocessors) {
  if (forced) return *forced;
  TileSize best = TileSize::k64x64;
  double least = 0;
  for (const TileSize size :
       {TileSize::k128x128, TileSize::k128x64, TileSize::k128x32, TileSize::k64x64}) {
    const TileExtent tile = extent(size);
    const Index blocks = products * divide_up(m, tile.m) * divide_up(n, tile.n);
    const auto waves = static_cast<double>(divide_up(blocks, multiprocessors));
    const double time = waves * (tile.m * tile.n + kLoadCost * (tile.m + tile.n));
    if (least == 0 || time < least) {
      least = time;
      best = size;
    }
  }
  return best;
}

ForceTile::ForceTile(TileSize size) { forced = size; }
ForceTile::~ForceTile() { forced.reset(); }

}  // namespace ink::cuda
