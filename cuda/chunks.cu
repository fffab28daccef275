#include "cuda/chunks.h"

#include <algorithm>

#include "cuda/tile.cuh"
#include "cuda/tile_choice.h"

namespace ink::cuda {
namespace {

constexpr int kThreads = 256;

// A thread for each element of the result.
__global__ void add_chunks_kernel(Real* out, ChunkSums s) {
  const Index index = Index(blockIdx.x) * kThreads + threadIdx.x;
  if (index >= s.products * s.count) return;
  const Index product = index / s.count, element = index - product * s.count;
  const Real* from = s.partial + product * s.chunks * s.count + element;
  Real sum = 0;
  for (Index chunk = 0; chunk < s.chunks; ++chunk) sum += from[chunk * s.count];
  const Index place = product * s.stride + element;
  if (s.bias != nullptr) sum += s.bias[element % s.columns];
  if (s.residual != nullptr) sum += s.residual[place];
  out[place] = sum;
}

}  // namespace

Chunks cut_sum(Index m, Index n, Index k, Index products) {
  constexpr Index kEnoughBlocks = 384, kLeastDepth = 256;
  const TileExtent tile = extent(TileSize::k128x64);
  const Index blocks = products * divide_up(m, tile.m) * divide_up(n, tile.n);
  const Index wanted = std::min(kEnoughBlocks / std::max<Index>(blocks, 1), k / kLeastDepth);
  const Index depth =
      divide_up(std::max<Index>(k, 1), kDepth * std::max<Index>(wanted, 1)) * kDepth;
  return {depth, std::max<Index>(divide_up(k, depth), 1)};
}

void add_chunks(Real* out, const ChunkSums& sums) {
  const Index count = sums.products * sums.count;
  if (count == 0) return;
  launch(add_chunks_kernel, {blocks_for(count, kThreads), kThreads}, out, sums);
}

}  // namespace ink::cuda
