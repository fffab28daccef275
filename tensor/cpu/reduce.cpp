#include "tensor/kernels/reduce.h"

#include <algorithm>
#include <tuple>

#include "tensor/cpu/parallel.h"

namespace ink::cpu {

namespace {

// Columns that one task joins at a time, rows that it joins straight through, and the most pieces
// that the rows of one task are cut into for the threads.
constexpr Index kTile = 256;
constexpr Index kLeaf = 32;
constexpr Index kPieces = 32;
constexpr Index kPieceElements = 32768;

// total[j] = combine(total[j], part[j])
template <class R>
void join(Real* total, const Real* part, Index columns) {
  const R r;
#pragma omp simd
  for (Index j = 0; j < columns; ++j) total[j] = r.combine(total[j], part[j]);
}

// acc[j] = combine over the rows of x, `stride` apart, straight through but for fours.
template <class R>
void reduce_leaf(Real* acc, const Real* x, Index rows, Index stride, Index columns) {
  const R r;
  std::fill(acc, acc + columns, R::identity());
  Index l = 0;
  for (; l + 4 <= rows; l += 4) {
    const Real* row = x + l * stride;
#pragma omp simd
    for (Index j = 0; j < columns; ++j) {
      const Real ab = r.combine(r.load(row[j]), r.load(row[stride + j]));
      const Real cd = r.combine(r.load(row[2 * stride + j]), r.load(row[3 * stride + j]));
      acc[j] = r.combine(acc[j], r.combine(ab, cd));
    }
  }
  for (; l < rows; ++l) {
    const Real* row = x + l * stride;
#pragma omp simd
    for (Index j = 0; j < columns; ++j) acc[j] = r.combine(acc[j], r.load(row[j]));
  }
}

// The same as a binary tree over leaves of kLeaf rows; columns <= kTile.
template <class R>
void reduce_tree(Real* acc, const Real* x, Index rows, Index stride, Index columns) {
  if (rows <= kLeaf) return reduce_leaf<R>(acc, x, rows, stride, columns);
  const Index half = (rows / 2 + kLeaf - 1) / kLeaf * kLeaf;
  Real right[kTile];
  reduce_tree<R>(acc, x, half, stride, columns);
  reduce_tree<R>(right, x + half * stride, rows - half, stride, columns);
  join<R>(acc, right, columns);
}

// The same over pieces that the threads share. Each has at least one row.
template <class R>
void reduce_pieces(Real* acc, const Real* x, Index rows, Index stride, Index columns,
                   Index pieces) {
  Real part[kPieces][kTile];
  parallel_blocks(pieces, 1, [&](Index piece, Index) {
    const Index first = rows * piece / pieces;
    const Index last = rows * (piece + 1) / pieces;
    reduce_tree<R>(part[piece], x + first * stride, last - first, stride, columns);
  });
  for (Index step = 1; step < pieces; step *= 2) {
    for (Index p = 0; p + step < pieces; p += 2 * step) join<R>(part[p], part[p + step], columns);
  }
  std::copy(part[0], part[0] + columns, acc);
}

// How one array is cut: `fold` neighbouring rows are read as one row of fold * inner columns, so
// that narrow arrays fill vectors too; its columns are cut into tiles, its rows into pieces.
struct Plan {
  Index fold = 1;
  Index columns;  // fold * inner
  Index rows;     // length / fold; the rows left over come last
  Index tiles;
  Index pieces = 1;

  explicit Plan(const ReduceSizes& sizes) {
    while (2 * fold * sizes.inner <= 64 && 8 * fold <= sizes.length) fold *= 2;
    columns = fold * sizes.inner;
    rows = sizes.length / fold;
    tiles = (columns + kTile - 1) / kTile;
    const Index elements = rows * std::min(columns, kTile);
    if (sizes.outer * tiles < kPieces) {
      pieces = std::clamp<Index>(elements / kPieceElements, 1, kPieces);
      pieces = std::clamp<Index>(rows, 1, pieces);
    }
  }
};

// One tile of one of the outer arrays: `out` and `x` point at its first column.
template <class R>
void reduce_tile(Real* out, const Real* x, Index columns, const Plan& plan,
                 const ReduceSizes& sizes) {
  Real acc[kTile];
  if (plan.pieces > 1) {
    reduce_pieces<R>(acc, x, plan.rows, plan.columns, columns, plan.pieces);
  } else {
    reduce_tree<R>(acc, x, plan.rows, plan.columns, columns);
  }
  // Undo the folding: halve the columns, then add the rows that were left over.
  for (Index width = columns / 2; width >= sizes.inner && plan.fold > 1; width /= 2) {
    join<R>(acc, acc + width, width);
  }
  const Index left = sizes.length - plan.rows * plan.fold;
  const Index width = std::min(columns, sizes.inner);
  if (left > 0) {
    Real rest[kTile];
    reduce_leaf<R>(rest, x + plan.rows * plan.columns, left, sizes.inner, width);
    join<R>(acc, rest, width);
  }
  std::copy(acc, acc + width, out);
}

}  // namespace

template <class R>
void reduce(Real* out, const Real* x, const ReduceSizes& sizes) {
  if (sizes.outer * sizes.inner == 0) return;
  const Plan plan(sizes);
  const auto task = [&](Index index) {
    const Index o = index / plan.tiles;
    const Index column = index % plan.tiles * kTile;
    reduce_tile<R>(out + o * sizes.inner + column, x + o * sizes.length * sizes.inner + column,
                   std::min(kTile, plan.columns - column), plan, sizes);
  };
  const Index tasks = sizes.outer * plan.tiles;
  if (plan.pieces > 1) {
    for (Index index = 0; index < tasks; ++index) task(index);
    return;
  }
  const Index work = std::max<Index>(1, sizes.length * std::min(sizes.inner, kTile));
  parallel_blocks(tasks, std::max<Index>(1, 16384 / work), [&](Index first, Index last) {
    for (Index index = first; index < last; ++index) task(index);
  });
}

namespace {

template <class... R>
constexpr auto instantiate(Functors<R...>) {
  return std::tuple{&reduce<R>...};
}

// Taking an address makes the compiler emit the loop.
[[gnu::used]] constexpr auto kReductions = instantiate(Reductions{});

}  // namespace

}  // namespace ink::cpu
