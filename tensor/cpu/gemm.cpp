#include "tensor/kernels/gemm.h"

#include "tensor/cpu/parallel.h"
#include "tensor/cpu/register_tile.h"
#include "tensor/cpu/scratch.h"

namespace ink::cpu {
namespace {

// A matrix in either orientation: element (r, c) stands at data[r * row + c * column].
struct MatrixView {
  const Real* data;
  Index row, column;
};

MatrixView left_operand(const Real* a, const GemmSizes& s) {
  return s.transpose_a ? MatrixView{a, 1, s.m} : MatrixView{a, s.k, 1};
}
MatrixView right_operand(const Real* b, const GemmSizes& s) {
  return s.transpose_b ? MatrixView{b, 1, s.k} : MatrixView{b, s.n, 1};
}

// How the work is cut; it follows from the sizes alone. A unit is a few rows by one block of
// columns of the product over one chunk of k.
struct Cut {
  Index rows, row_blocks;
  Index column_blocks;
  Index inner, chunks;  // k of a chunk, and how many there are
  Index units;          // of all matrices
  bool in_place;        // B is read where it stands
};

Cut cut(const GemmSizes& s) {
  // (So many operations that 128 rows by 128 of k are one unit, which packs its block once.)
  constexpr Index kUnitOperations = 1'100'000, kLeastRows = 64, kLeastInner = 1024,
                  kEnoughUnits = 16;
  const Index row_operations = 2 * kTileWidth * std::max<Index>(s.k, 1);
  Cut cut{};
  cut.row_blocks = divide_up(s.m, std::max(kLeastRows, kUnitOperations / row_operations));
  cut.rows = divide_up(s.m, std::max<Index>(cut.row_blocks, 1));
  cut.column_blocks = column_blocks(s.n);
  // Where the result alone gives too few units, a long k is shared out as well.
  const Index units = s.batch * cut.row_blocks * cut.column_blocks;
  const Index wanted = std::min(kEnoughUnits / std::max<Index>(units, 1), s.k / kLeastInner);
  cut.inner = divide_up(s.k, std::max<Index>(wanted, 1));
  cut.chunks = std::max<Index>(divide_up(s.k, std::max<Index>(cut.inner, 1)), 1);
  cut.units = units * cut.chunks;
  // Over a long k few rows of A read what a copy of B would hold. But rows that lie far apart would
  // use a part of the cache only.
  constexpr Index kMostColumns = 4 * kTileWidth;
  cut.in_place = cut.chunks > 1 && !s.transpose_b && s.n % kLanes == 0 && s.n <= kMostColumns;
  return cut;
}

// Where a product goes: rows of `row` elements, of which n exist.
struct Result {
  Real* data;
  Index row;
  Index matrix, chunk;  // from one matrix and one chunk of k to the next
};

// One unit. Pointers are at its first row and column.
struct Unit {
  MatrixView a;
  const Real* b;  // (inner, width), the rows b_row apart
  Index b_row;
  Index inner;
  int vectors;
  bool asks;  // for rows of A ahead: the first of many units that read them
  TileOutput out;
};

// The rows of the unit from i on (MM.1). Those of the tile after the next are asked for by the
// first that needs them, if they are short runs in memory: a small A is in the cache anyway.
template <int Vectors, int Rows, bool Transposed>
[[gnu::noinline]] void multiply_tile(const Unit& unit, Index i) {
  if (!Transposed && unit.asks)
    for (int r = 0; r < Rows; ++r)
      for (Index k = 0; k < unit.inner; k += kCacheLine)
        __builtin_prefetch(unit.a.data + (i + 2 * Rows + r) * unit.a.row + k, 0, 2);
  Vector sum[Rows][Vectors] = {};
  accumulate<0, Rows>(sum, unit.a.data + i * unit.a.row, Transposed ? 1 : unit.a.row,
                      Transposed ? unit.a.column : 1, unit.b, unit.b_row, unit.inner);
  TileOutput out = unit.out;
  out.to += i * out.step;
  out.residual = shifted(out.residual, i * out.step);
  store_tile(out, sum);
}

template <int Vectors, bool Transposed>
void multiply_unit(const Unit& unit, Index rows) {
  constexpr int kMost = Transposed ? tile_rows(Vectors) : strided_tile_rows(Vectors);
  for_each_tile<kMost>(
      rows, [&](auto height, Index i) { multiply_tile<Vectors, height, Transposed>(unit, i); });
}

template <int Vectors>
void multiply_unit(const Unit& unit, Index rows) {
  unit.a.column == 1 ? multiply_unit<Vectors, false>(unit, rows)
                     : multiply_unit<Vectors, true>(unit, rows);
}

// One block of columns of B over one chunk of k.
struct RightBlock {
  Index matrix, k, inner;
  ColumnBlock columns;

  void pack(Real* to, const Real* b, const GemmSizes& s) const {
    const MatrixView view = right_operand(b + matrix * s.stride_b, s);
    pack_columns(to, view.data + k * view.row, view.row, view.column, inner, columns);
  }
  // Its first element in B.
  const Real* first(const Real* b, const GemmSizes& s) const {
    const MatrixView view = right_operand(b + matrix * s.stride_b, s);
    return view.data + k * view.row + columns.first * view.column;
  }
  // Its place among all of them: (matrix, chunk, block of columns, inner, width of the block).
  Index place(const GemmSizes& s) const {
    return (matrix * s.k + k) * padded_columns(s.n) + columns.first * inner;
  }
};

// All of B.
void pack_right(Real* packed, const Real* b, Index matrices, const GemmSizes& s, const Cut& cut) {
  const Index blocks = cut.chunks * cut.column_blocks;
  const Index grain = std::max<Index>(1, 16'384 / std::max<Index>(1, cut.inner * kTileWidth));
  parallel_blocks(matrices * blocks, grain, [&](Index first, Index last) {
    for (Index unit = first; unit < last; ++unit) {
      const Index k = unit / cut.column_blocks % cut.chunks * cut.inner;
      const RightBlock block{unit / blocks, k, std::min(cut.inner, s.k - k),
                             column_block(s.n, unit % cut.column_blocks)};
      block.pack(packed + block.place(s), b, s);
    }
  });
}

// All products of one chunk of k each, stored at `result`. Unless B is packed beforehand or read in
// place, each unit packs its block for itself.
void multiply(const Result& result, const Real* a, const Real* b, const Real* packed,
              const GemmEpilogue& epilogue, const GemmSizes& s, const Cut& cut) {
  // A thread costs half a microsecond to call, some tens if it has gone to sleep: small units are
  // taken several at a time, and a small product is left to one thread.
  constexpr Index kSmallBlock = 500'000, kSmallProduct = 2'000'000;
  const Index operations = 2 * std::min(cut.rows, s.m) * kTileWidth * cut.inner;
  const bool small = cut.units * operations <= kSmallProduct;
  const Index grain = std::max<Index>(1, small ? cut.units : kSmallBlock / operations);
  parallel_blocks(cut.units, grain, [&](Index first, Index last) {
    for (Index index = first; index < last; ++index) {
      const ColumnBlock block = column_block(s.n, index % cut.column_blocks);
      const Index row = index / cut.column_blocks % cut.row_blocks * cut.rows;
      const Index chunk = index / (cut.column_blocks * cut.row_blocks) % cut.chunks;
      const Index matrix = index / (cut.column_blocks * cut.row_blocks * cut.chunks);
      const Index k = chunk * cut.inner, inner = std::min(cut.inner, s.k - k);
      const Index at =
          matrix * result.matrix + chunk * result.chunk + row * result.row + block.first;
      const MatrixView left = left_operand(a + matrix * s.stride_a, s);
      const RightBlock right{s.stride_b == 0 ? 0 : matrix, k, inner, block};
      const bool packs = packed == nullptr && !cut.in_place;
      const Scratch<Real> own(packs ? inner * block.width() : 0);
      if (packs) right.pack(own.data(), b, s);
      const Real* const copy = packed == nullptr ? own.data() : packed + right.place(s);
      const Index count = cut.chunks > 1 ? block.width() : block.count;
      const Unit unit{{left.data + row * left.row + k * left.column, left.row, left.column},
                      cut.in_place ? right.first(b, s) : copy,
                      cut.in_place ? s.n : block.width(),
                      inner,
                      block.vectors,
                      block.first == 0 && cut.row_blocks > 1,
                      {result.data + at, result.row, count, shifted(epilogue.bias, block.first),
                       nullptr, shifted(epilogue.residual, at)}};
      const Index rows = std::min(cut.rows, s.m - row);
      unit.vectors == 2 ? multiply_unit<2>(unit, rows) : multiply_unit<1>(unit, rows);
    }
  });
}

// C from the products over the chunks of k, added in their order.
void add_chunks(Real* c, const Result& partial, const GemmEpilogue& epilogue, const GemmSizes& s,
                const Cut& cut) {
  parallel_blocks(s.batch * s.m, 16, [&](Index first, Index last) {
    for (Index row = first; row < last; ++row) {
      const Index matrix = row / s.m, i = row % s.m;
      const Real* sums = partial.data + matrix * partial.matrix + i * partial.row;
      for (Index j = 0; j < s.n; j += kLanes) {
        Vector sum[1][1] = {};
        for (Index chunk = 0; chunk < cut.chunks; ++chunk)
          sum[0][0] += load(sums + chunk * partial.chunk + j);
        const Index at = matrix * s.stride_c + i * s.n + j;
        store_tile({c + at, s.n, std::min<Index>(kLanes, s.n - j), shifted(epilogue.bias, j),
                    nullptr, shifted(epilogue.residual, at)},
                   sum);
      }
    }
  });
}

}  // namespace

void gemm(Real* c, const Real* a, const Real* b, const GemmEpilogue& epilogue, const GemmSizes& s) {
  const Cut plan = cut(s);
  const Index matrices = s.stride_b == 0 ? 1 : s.batch;
  // What one thread packs, another fetches from its cache: it pays for many rows or a long k only.
  constexpr Index kFewBlocks = 4;
  const bool pack = (plan.row_blocks > kFewBlocks || plan.chunks > 1) && !plan.in_place;
  const Scratch<Real> all(pack ? matrices * s.k * padded_columns(s.n) : 0);
  if (pack) pack_right(all.data(), b, matrices, s, plan);
  const Real* packed = pack ? all.data() : nullptr;
  if (plan.chunks == 1) {
    multiply({c, s.n, s.stride_c, 0}, a, b, packed, epilogue, s, plan);
    return;
  }
  const Index row = padded_columns(s.n), chunk = s.m * row;
  const Scratch<Real> sums(s.batch * plan.chunks * chunk);
  const Result partial{sums.data(), row, plan.chunks * chunk, chunk};
  multiply(partial, a, b, packed, {}, s, plan);
  add_chunks(c, partial, epilogue, s, plan);
}

}  // namespace ink::cpu
