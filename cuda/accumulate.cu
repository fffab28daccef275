#include "tensor/kernels/accumulate.h"

#include "cuda/loop.cuh"

namespace ink::cuda {
namespace {

// Elements that a block adds.
constexpr Index kTile = 4 * Index{kThreads};

// The arrays, cut into tiles: those of array i are first_tile[i] ... first_tile[i + 1] - 1.
struct Additions {
  Addition at[kMostAdditions];
  int first_tile[kMostAdditions + 1];
};

__global__ void accumulate_kernel(Additions additions) {
  const int tile = static_cast<int>(blockIdx.x);
  int i = 0;
  while (additions.first_tile[i + 1] <= tile) ++i;
  const auto [to, from, n] = additions.at[i];
  const Index first = (tile - additions.first_tile[i]) * kTile, last = min(n, first + kTile);
  for (Index j = first + threadIdx.x; j < last; j += kThreads) to[j] += from[j];
}

}  // namespace

void accumulate(const Addition* additions, int count) {
  Additions all{};
  for (int i = 0; i < count; ++i) {
    all.at[i] = additions[i];
    const Index tiles = (additions[i].n + kTile - 1) / kTile;
    all.first_tile[i + 1] = static_cast<int>(blocks_for(all.first_tile[i] + tiles, 1));
  }
  const auto tiles = static_cast<unsigned>(all.first_tile[count]);
  if (tiles > 0) launch(accumulate_kernel, {dim3(tiles), dim3(kThreads)}, all);
}

}  // namespace ink::cuda
