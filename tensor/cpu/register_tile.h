// The register tile that convolution and matrix product share: a few rows of the result, one or two
// vectors wide, whose sums stay in registers while the inner dimension passes by.
#pragma once

#include <algorithm>
#include <utility>

#include "tensor/cpu/simd.h"

namespace ink::cpu {

constexpr Index divide_up(Index a, Index b) { return (a + b - 1) / b; }

// An optional operand, `by` elements on.
template <class T>
T* shifted(T* p, Index by) {
  return p == nullptr ? nullptr : p + by;
}

#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int kVectorRegisters = 32;
#else
inline constexpr int kVectorRegisters = 16;
#endif

// The width of a full tile, in vectors and in elements.
inline constexpr int kTileVectors = 2;
inline constexpr Index kTileWidth = kTileVectors * kLanes;

// The most rows of a tile whose rows of A are neighbours in memory: the sums leave registers for a
// row of B and an element of A. (CPU.2)
constexpr int tile_rows(int vectors) { return kVectorRegisters * 3 / 4 / vectors; }

// The same for rows of A that lie apart: the address of each takes an integer register.
constexpr int strided_tile_rows(int vectors) {
  return std::min(tile_rows(vectors), vectors == 1 ? 12 : 8);
}

// sum[r] += sum_k A[r, k] B[k] for k < inner and the rows First <= r < Last of the tile. (MM.1)
//
// `a` points to the row First; `a_row` and `a_inner` lead from one row and one k of A to the next,
// `b_inner` from one k of B to the next, `b_vector` from vector to vector. It must be inlined with
// its loops over the tile unrolled: only then do the sums live in registers.
template <int First, int Last, int Rows, int Vectors>
[[gnu::always_inline]] inline void accumulate(Vector (&sum)[Rows][Vectors], const Real* a,
                                              Index a_row, Index a_inner, const Real* b,
                                              Index b_inner, Index inner, Index b_vector = kLanes) {
  if constexpr (First < Last) {
    for (Index k = 0; k < inner; ++k) {
      Vector b_k[Vectors];
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) b_k[v] = load(b + k * b_inner + v * b_vector);
#pragma GCC unroll 24
      for (int r = First; r < Last; ++r) {
        const Vector a_rk = splat(a[(r - First) * a_row + k * a_inner]);
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) sum[r][v] += a_rk * b_k[v];
      }
    }
  }
}

// Sets the sums to a tile of memory whose rows follow `step` apart.
template <int Rows, int Vectors>
[[gnu::always_inline]] inline void load_tile(Vector (&sum)[Rows][Vectors], const Real* from,
                                             Index step) {
#pragma GCC unroll 24
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) sum[r][v] = load(from + r * step + v * kLanes);
}

// Where a tile goes and what is added on the way; a null pointer adds nothing.
struct TileOutput {
  Real* to;  // the first element; the rows follow `step` apart
  Index step;
  Index count;                 // of columns that exist
  const Real* bias = nullptr;  // (count), added to every row, as is the next
  const Real* image_bias = nullptr;
  const Real* residual = nullptr;  // laid out as `to`, and may be the same
};

// Stores the tile. The narrow one goes through memory: a call to copy a part of a vector would
// drive the sums out of their registers, in the loop before it too.
template <int Rows, int Vectors>
[[gnu::always_inline]] inline void store_tile(const TileOutput& out,
                                              const Vector (&sum)[Rows][Vectors]) {
  constexpr Index kWidth = Vectors * kLanes;
  if (out.count == kWidth) {
    Vector bias[Vectors] = {};
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      if (out.bias != nullptr) bias[v] += load(out.bias + v * kLanes);
      if (out.image_bias != nullptr) bias[v] += load(out.image_bias + v * kLanes);
    }
    if (out.residual != nullptr) {
#pragma GCC unroll 24
      for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
          const Index at = r * out.step + v * kLanes;
          store(out.to + at, sum[r][v] + bias[v] + load(out.residual + at));
        }
    } else {
#pragma GCC unroll 24
      for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v)
          store(out.to + r * out.step + v * kLanes, sum[r][v] + bias[v]);
    }
    return;
  }
  Real rows[Rows][kWidth];
#pragma GCC unroll 24
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) store(&rows[r][v * kLanes], sum[r][v]);
  for (int r = 0; r < Rows; ++r) {
    for (Index j = 0; j < out.count; ++j) {
      Real value = rows[r][j];
      if (out.bias != nullptr) value += out.bias[j];
      if (out.image_bias != nullptr) value += out.image_bias[j];
      if (out.residual != nullptr) value += out.residual[r * out.step + j];
      out.to[r * out.step + j] = value;
    }
  }
}

// Cuts `rows` into the fewest tiles of nearly equal height, `Most` at most, and calls
// tile(std::integral_constant<int, height>, first row).
template <int Most, class Tile>
void for_each_tile(Index rows, const Tile& tile) {
  const Index tiles = divide_up(rows, Most);
  for (Index t = 0, first = 0; t < tiles; ++t) {
    const Index height = rows / tiles + (t < rows % tiles);
    [&]<int... R>(std::integer_sequence<int, R...>) {
      ((height == R + 1 ? tile(std::integral_constant<int, R + 1>{}, first) : void()), ...);
    }
    (std::make_integer_sequence<int, Most>{});
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

// Copies the columns of a block of B to (inner, width), padded with zeros. The element (k, j) of B
// stands at b[k * b_inner + j * b_column].
inline void pack_columns(Real* packed, const Real* b, Index b_inner, Index b_column, Index inner,
                         const ColumnBlock& block) {
  const Index width = block.width();
  b += block.first * b_column;
  // Columns that are contiguous in k are transposed by squares, as far as these go.
  const bool transposed = b_inner == 1 && b_column > 1;
  const Index square_columns = transposed ? block.count / kLanes * kLanes : 0;
  const Index square_rows = square_columns > 0 ? inner / kLanes * kLanes : 0;
  for (Index k = 0; k < square_rows; k += kLanes)
    for (Index j = 0; j < square_columns; j += kLanes)
      transpose_square(packed + k * width + j, b + j * b_column + k, width, b_column);
  if (square_rows == inner && square_columns == width) return;  // nothing is left over
  for (Index k = 0; k < inner; ++k, b += b_inner, packed += width) {
    if (b_column == 1)
      copy_contiguous(packed, b, block.count);
    else
      for (Index j = k < square_rows ? square_columns : 0; j < block.count; ++j)
        packed[j] = b[j * b_column];
    for (Index j = block.count; j < width; ++j) packed[j] = 0;
  }
}

}  // namespace ink::cpu
