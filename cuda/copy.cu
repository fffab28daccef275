#include "tensor/kernels/copy.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "cuda/loop.cuh"
#include "tensor/kernels/axes.h"

namespace ink::cuda {

namespace {

constexpr int kTile = 32;     // of a transpose: rows and columns
constexpr int kTileRows = 8;  // that a block moves at a time

// Where element `position` of a walk lies. Positions are 32 bits wide: a 64-bit division takes
// several times as long.
struct Place {
  Index dst = 0, src = 0;

  __device__ Place(const Axes& axes, std::uint32_t position) {
    for (int a = axes.count - 1; a >= 0; --a) {
      const auto extent = static_cast<std::uint32_t>(axes.axis[a].extent);
      const std::uint32_t rest = position / extent;
      const auto at = static_cast<Index>(position - rest * extent);
      dst += at * axes.axis[a].dst;
      src += at * axes.axis[a].src;
      position = rest;
    }
  }
};

// One element, or one pack of a contiguous run, for each position.
template <int Width>
__global__ void copy_kernel(Real* dst, const Real* src, Axes axes, Index positions) {
  for (const Index position : indices(positions)) {
    const Place place(axes, static_cast<std::uint32_t>(position));
    store_pack(dst + place.dst, 0, load_pack<Width>(src + place.src, 0));
  }
}

// A transpose: `along` is contiguous in dst, `across` in src. A block reads a tile along `across`
// and writes it along `along`, so that both take whole lines of memory; the padding keeps a column
// of the tile in 32 different banks.
__global__ void transpose_kernel(Real* dst, const Real* src, Axes outer, Axis across, Axis along,
                                 Index tiles) {
  __shared__ Real tile[kTile][kTile + 1];
  const auto x = static_cast<Index>(threadIdx.x), y = static_cast<Index>(threadIdx.y);
  const Index tiles_across = (across.extent + kTile - 1) / kTile;
  const Index tiles_along = (along.extent + kTile - 1) / kTile;

  for (Index t = blockIdx.x; t < tiles; t += gridDim.x) {
    const Index i = t % tiles_across * kTile, j = t / tiles_across % tiles_along * kTile;
    const Place place(outer, static_cast<std::uint32_t>(t / tiles_across / tiles_along));
    for (Index r = y; r < kTile; r += kTileRows) {
      if (i + x < across.extent && j + r < along.extent) {
        tile[r][x] = src[place.src + i + x + (j + r) * along.src];
      }
    }
    __syncthreads();
    for (Index r = y; r < kTile; r += kTileRows) {
      if (i + r < across.extent && j + x < along.extent) {
        dst[place.dst + (i + r) * across.dst + j + x] = tile[x][r];
      }
    }
    __syncthreads();
  }
}

__global__ void fill_kernel(Real* dst, Real value, Index n) {
  for (const Index i : indices(n)) dst[i] = value;
}

Index positions(const Axes& axes) {
  Index product = 1;
  for (int a = 0; a < axes.count; ++a) product *= axes.axis[a].extent;
  return product;
}

// Whether the innermost runs are contiguous on both sides and made of whole packs.
bool made_of_packs(const Real* dst, const Real* src, const Axes& axes) {
  if (axes.count == 0 || !packs_aligned(dst, src)) return false;
  const Axis& run = axes.axis[axes.count - 1];
  bool fits = run.dst == 1 && run.src == 1 && run.extent % kPack == 0;
  for (int a = 0; a + 1 < axes.count; ++a) {
    fits = fits && axes.axis[a].dst % kPack == 0 && axes.axis[a].src % kPack == 0;
  }
  return fits;
}

template <int Width>
void copy_positions(Real* dst, const Real* src, const Axes& axes) {
  const Index n = positions(axes);
  launch(copy_kernel<Width>, launch_for(n), dst, src, axes, n);
}

void transpose(Real* dst, const Real* src, const Axes& outer, const Axis& across,
               const Axis& along) {
  const Index tiles = positions(outer) * ((across.extent + kTile - 1) / kTile) *
                      ((along.extent + kTile - 1) / kTile);
  const Launch how{dim3(static_cast<unsigned>(std::min(tiles, kMostBlocks))),
                   dim3(kTile, kTileRows)};
  launch(transpose_kernel, how, dst, src, outer, across, along, tiles);
}

}  // namespace

void copy(Real* dst, const Real* src, const CopySizes& sizes) {
  Axes axes = merged_axes(sizes);
  if (positions(axes) == 0) return;
  constexpr Index kMost = std::numeric_limits<std::int32_t>::max();
  if (positions(axes) > kMost) {
    throw Error("[copy] expected at most " + std::to_string(kMost) + " elements, got " +
                std::to_string(positions(axes)));
  }
  if (made_of_packs(dst, src, axes)) {
    Axis& run = axes.axis[axes.count - 1];
    run = {run.extent / kPack, kPack, kPack};
    return copy_positions<kPack>(dst, src, axes);
  }

  // Is the source contiguous along another axis than the destination, and a tile worth its while?
  const int innermost = axes.count - 1;
  int across = innermost;
  while (across >= 0 && axes.axis[across].src != 1) --across;
  const auto fills_tile = [&](int a) { return axes.axis[a].extent >= kTileRows; };
  const bool transposes = across >= 0 && across != innermost && axes.axis[innermost].dst == 1;
  if (!transposes || !fills_tile(across) || !fills_tile(innermost)) {
    return copy_positions<1>(dst, src, axes);
  }
  Axes outer;
  for (int a = 0; a < innermost; ++a) {
    if (a != across) outer.axis[outer.count++] = axes.axis[a];
  }
  transpose(dst, src, outer, axes.axis[across], axes.axis[innermost]);
}

void fill(Real* dst, Real value, Index n) {
  if (n > 0) launch(fill_kernel, launch_for(n), dst, value, n);
}

}  // namespace ink::cuda
