// The register tile that convolution and matrix product share: a few rows of the result, one or two
// vectors wide, whose sums stay in registers while the inner dimension passes by.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "tensor/cpu/simd.h"

namespace ink::cpu {

constexpr Index divide_up(Index a, Index b) { return (a + b - 1) / b; }

#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int kVectorRegisters = 32;
#else
inline constexpr int kVectorRegisters = 16;
#endif

// The width of a full tile, in vectors and in elements.
inline constexpr int kTileVectors = 2;
inline constexpr Index kTileWidth = kTileVectors * kLanes;

// The most rows of a tile. Eight independent sums keep two FMA units busy; a tile one vector wide
// takes more rows, for each row costs a load; beyond twelve the addresses of the rows no longer fit
// the integer registers.
constexpr int tile_rows(int vectors) {
  if (vectors == 1) return 12;
  return kVectorRegisters == 32 ? 8 : 6;
}

// sum[r] += sum_k A[r, k] B[k] for k < inner and the rows First <= r < Last of the tile. (MM.1)
//
// `a` points to the row First; `a_row` and `a_inner` lead from one row and one k of A to the next,
// `b_inner` from one k of B to the next. It must be inlined with its loops over the tile unrolled:
// only then do the sums live in registers.
template <int First, int Last, int Rows, int Vectors>
[[gnu::always_inline]] inline void accumulate(Vector (&sum)[Rows][Vectors], const Real* a,
                                              Index a_row, Index a_inner, const Real* b,
                                              Index b_inner, Index inner) {
  if constexpr (First < Last) {
    for (Index k = 0; k < inner; ++k) {
      Vector b_k[Vectors];
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) b_k[v] = load(b + k * b_inner + v * kLanes);
#pragma GCC unroll 16
      for (int r = First; r < Last; ++r) {
        const Vector a_rk = splat(a[(r - First) * a_row + k * a_inner]);
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) sum[r][v] += a_rk * b_k[v];
      }
    }
  }
}

// Stores one row of a tile, or its first `count` elements, with what the epilogue adds: each term
// is null or points to the element that belongs to to[0].
template <int Vectors>
[[gnu::always_inline]] inline void store_row(Real* to, const Vector (&sum)[Vectors], Index count,
                                             std::initializer_list<const Real*> terms) {
#pragma GCC unroll 4
  for (int v = 0; v < Vectors; ++v) {
    const int lanes = static_cast<int>(std::min<Index>(kLanes, count - v * kLanes));
    Vector value = sum[v];
    for (const Real* term : terms) {
      if (term == nullptr) continue;
      value += lanes == kLanes ? load(term + v * kLanes) : load_part(term + v * kLanes, lanes);
    }
    if (lanes == kLanes)
      store(to + v * kLanes, value);
    else
      store_part(to + v * kLanes, value, lanes);
  }
}

// Cuts `rows` into the fewest tiles of nearly equal height and calls
// tile(std::integral_constant<int, height>, first).
template <int Vectors, class Tile>
void for_each_tile(Index rows, const Tile& tile) {
  constexpr int kMost = tile_rows(Vectors);
  const Index tiles = divide_up(rows, kMost);
  for (Index t = 0, first = 0; t < tiles; ++t) {
    const Index height = rows / tiles + (t < rows % tiles);
    [&]<int... R>(std::integer_sequence<int, R...>) {
      ((height == R + 1 ? tile(std::integral_constant<int, R + 1>{}, first) : void()), ...);
    }
    (std::make_integer_sequence<int, kMost>{});
    first += height;
  }
}

// The columns of the result are cut into blocks one tile wide. The last one may be narrower:
// `vectors` wide, with `count` columns that exist.
struct ColumnBlock {
  Index first;
  Index count;
  int vectors;

  Index width() const { return vectors * kLanes; }
};

constexpr Index column_blocks(Index columns) { return divide_up(columns, kTileWidth); }
constexpr Index padded_columns(Index columns) { return divide_up(columns, kLanes) * kLanes; }

inline ColumnBlock column_block(Index columns, Index index) {
  const Index first = index * kTileWidth;
  const Index count = std::min(columns - first, kTileWidth);
  return {first, count, static_cast<int>(divide_up(count, kLanes))};
}

// Copies the columns of a block of B to (inner, width), padded with zeros: B[k, j] = b[k * b_inner
// + j * b_column].
inline void pack_columns(Real* packed, const Real* b, Index b_inner, Index b_column, Index inner,
                         const ColumnBlock& block) {
  const Index width = block.width();
  for (Index k = 0; k < inner; ++k) {
    for (Index j = 0; j < block.count; ++j)
      packed[k * width + j] = b[k * b_inner + (block.first + j) * b_column];
    for (Index j = block.count; j < width; ++j) packed[k * width + j] = 0;
  }
}

}  // namespace ink::cpu
