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

// Rows of C in one block of columns: what their tiles have in common. Pointers are at row 0 and the
// block's first column.
struct BlockTask {
  MatrixView a;
  const Real* packed;  // of B: (inner, width)
  Index inner;
  ColumnBlock block;
  Real* c;
  Index c_row;
  const Real* bias;
  const Real* residual;
};

// sum += A B for the rows of a tile. One of the steps of A is 1; the compiler should see which.
template <int Vectors, int Rows>
[[gnu::always_inline]] inline void multiply_tile(Vector (&sum)[Rows][Vectors],
                                                 const BlockTask& task, Index i) {
  const Real* a = task.a.data + i * task.a.row;
  constexpr Index kWidth = Vectors * kLanes;
  if (task.a.column == 1)
    accumulate<0, Rows>(sum, a, task.a.row, 1, task.packed, kWidth, task.inner);
  else
    accumulate<0, Rows>(sum, a, 1, task.a.column, task.packed, kWidth, task.inner);
}

// The rows of C from i on, finished. (MM.1)
template <int Vectors, int Rows>
[[gnu::noinline]] void product_tile(const BlockTask& task, Index i) {
  Vector sum[Rows][Vectors] = {};
  multiply_tile<Vectors, Rows>(sum, task, i);
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
    const Index at = (i + r) * task.c_row;
    store_row(task.c + at, sum[r], task.block.count,
              {task.bias, task.residual == nullptr ? nullptr : task.residual + at});
  }
}

// The rows of a partial sum from i on, which are padded to whole vectors, one slice of k added.
template <int Vectors, int Rows>
[[gnu::noinline]] void partial_tile(const BlockTask& task, Index i) {
  Real* c = task.c + i * task.c_row;
  Vector sum[Rows][Vectors];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) sum[r][v] = load(c + r * task.c_row + v * kLanes);
  multiply_tile<Vectors, Rows>(sum, task, i);
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) store(c + r * task.c_row + v * kLanes, sum[r][v]);
}

const Real* shifted(const Real* p, Index by) { return p == nullptr ? nullptr : p + by; }

// Packs B once, then shares out blocks of C, a few rows by one block of columns each.
void multiply_whole(Real* c, const Real* a, const Real* b, const GemmEpilogue& epilogue,
                    const GemmSizes& s) {
  const Index blocks = column_blocks(s.n), packed_size = s.k * padded_columns(s.n);
  const Index matrices = s.stride_b == 0 ? 1 : s.batch;
  const Scratch<Real> packed(matrices * packed_size);
  parallel_blocks(matrices * blocks, 1, [&](Index unit, Index) {
    const Index matrix = unit / blocks;
    const ColumnBlock block = column_block(s.n, unit % blocks);
    const MatrixView view = right_operand(b + matrix * s.stride_b, s);
    pack_columns(packed.data() + matrix * packed_size + block.first * s.k, view.data, view.row,
                 view.column, s.k, block);
  });

  // A thread takes about a million operations at a time.
  const Index rows = std::max<Index>(64, 1'000'000 / (2 * kTileWidth * std::max<Index>(s.k, 1)));
  const Index row_blocks = divide_up(s.m, rows);
  parallel_blocks(s.batch * row_blocks * blocks, 1, [&](Index unit, Index) {
    const Index matrix = unit / (row_blocks * blocks);
    const Index first = unit / blocks % row_blocks * rows, count = std::min(rows, s.m - first);
    const ColumnBlock block = column_block(s.n, unit % blocks);
    const MatrixView left = left_operand(a + matrix * s.stride_a, s);
    const Index at = matrix * s.stride_c + first * s.n + block.first;
    const BlockTask task{{left.data + first * left.row, left.row, left.column},
                         packed.data() + (matrix % matrices) * packed_size + block.first * s.k,
                         s.k,
                         block,
                         c + at,
                         s.n,
                         shifted(epilogue.bias, block.first),
                         shifted(epilogue.residual, at)};
    const auto tiles = [&]<int Vectors>() {
      for_each_tile<Vectors>(count,
                             [&](auto height, Index i) { product_tile<Vectors, height>(task, i); });
    };
    block.vectors == 2 ? tiles.template operator()<2>() : tiles.template operator()<1>();
  });
}

}  // namespace

void gemm(Real* c, const Real* a, const Real* b, const GemmEpilogue& epilogue,
          const GemmSizes& sizes) {
  multiply_whole(c, a, b, epilogue, sizes);
}

}  // namespace ink::cpu
