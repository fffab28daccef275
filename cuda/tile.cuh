// The tile engine. A block computes a tile of C = A B, and walks along k in steps of kDepth:
//
//   load      copies the next step of A and B into shared memory, kStages - 1 steps ahead
//   (TileCopy) multiply  adds the product of a step to sums in registers (tile_sums.cuh) store
//   hands the sums to the output, which adds bias and residual (output.cuh)
//
// Convolutions and matrix products differ in their views (views.cuh) alone. The sum of an element
// runs over k in steps of kDepth, whatever the shape of the tile: all shapes give the same bits.
#pragma once

#include "cuda/mma.cuh"
#include "cuda/shared.h"
#include "cuda/warp.cuh"
#include "tensor/kernels/real.h"

namespace ink::cuda {

inline constexpr int kDepth = 16;
// As many steps in shared memory as 48 KB hold of the largest tile.
inline constexpr int kStages = sizeof(Real) == sizeof(float) ? 3 : 2;

// The shape of a block's tile, how its warps share it, and for how many resident blocks on a
// multiprocessor there shall be registers.
template <int kTileM, int kTileN, int kWarpsDown, int kWarpsAcross, int kBlocks>
struct TileShape {
  static constexpr int kM = kTileM, kN = kTileN;
  static constexpr int kWarpsM = kWarpsDown, kWarpsN = kWarpsAcross;
  static constexpr int kResident = kBlocks;
  static constexpr int kThreads = 32 * kWarpsM * kWarpsN;
  static constexpr int kSharedBytes = kStages * (kM + kN) * kDepth * static_cast<int>(sizeof(Real));
};

// Which index of a step has neighbours in memory: k, or the row of A (the column of B).
enum class Along { k, rows };

// A view as the left or right operand: its lines are the tile's rows, or k. `kVector` elements,
// aligned to 16 bytes if more than one, are copied at a time.
template <class View, Along kAlong, int kVector>
struct Operand {
  View view;
};

// Quad neighbours, loaded by one instruction.
struct alignas(16) Quad {
  Real v[4];
};

// One step of an operand in shared memory, laid out as the copies deliver it. Rows and k are
// exchanged among the banks so that neither the copies nor the loads below meet in one bank.
// (GPU.6)
template <int kRows, Along kAlong>
struct SharedTile {
  static constexpr bool kAlongK = kAlong == Along::k;
  static constexpr int kSize = kRows * kDepth;

  __device__ static int offset(int row, int k) {
    if constexpr (kAlongK)
      return row * kDepth + ((k / 4 ^ row / 2 ^ row / 8 % 2) % 4) * 4 + k % 4;
    else
      return k * kRows + (row ^ k % 4 * 8);
  }

  // The part of a lane l = 4 g + t in eight rows from row + down on, multiples of 8: (g, t + 4 i).
  __device__ static void eight(Real (&to)[4], const Real* tile, int row, int down) {
    if constexpr (kAlongK) {
      load_matrices(to, tile + offset(row + lane() % 8, down, lane() / 8 * 4));
    } else {
#pragma unroll
      for (int i = 0; i < 4; ++i)
        to[i] = tile[offset(row + lane() / 4, down, lane() % 4) + 4 * i * kRows];
    }
  }
  // In sixteen rows: (g, t + 4 i) and (g + 8, t + 4 i) in turn.
  __device__ static void sixteen(Real (&to)[4][2], const Real* tile, int row, int down) {
    if constexpr (kAlongK) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        Real part[4];
        load_matrices(part, tile + offset(row + lane() % 16, down, lane() / 16 * 4 + half * 8));
#pragma unroll
        for (int i = 0; i < 4; ++i) to[2 * half + i / 2][i % 2] = part[i];
      }
    } else {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        Real part[4];
        eight(part, tile, row, down + half * 8);
#pragma unroll
        for (int i = 0; i < 4; ++i) to[i][half] = part[i];
      }
    }
  }

  // The square of rows row ... row + 3 and k ... k + 3; 4 divides both.
  __device__ static void square(Real (&to)[4][4], const Real* tile, int row, int k) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const Quad quad = *reinterpret_cast<const Quad*>(
          tile + (kAlongK ? offset(row + i, k) : offset(row, k + i)));
#pragma unroll
      for (int j = 0; j < 4; ++j) (kAlongK ? to[i][j] : to[j][i]) = quad.v[j];
    }
  }

 private:
  // offset(row + down, k). Of a `down` that the compiler knows, what goes beyond the period of the
  // exchange becomes a constant of the instruction.
  __device__ static int offset(int row, int down, int k) {
    constexpr int kPeriod = kAlongK ? 16 : 32;
    return offset(row + down % kPeriod, k) + down / kPeriod * kPeriod * (kAlongK ? kDepth : 1);
  }
};

// A thread's part in copying an operand: a fixed place across the contiguous direction, every
// kDown-th line of the other.
template <int kRows, int kThreads, class Operand>
class TileCopy;

template <int kRows, int kThreads, class View, Along kAlong, int kVector>
class TileCopy<kRows, kThreads, Operand<View, kAlong, kVector>> {
  static constexpr bool kAlongK = kAlong == Along::k;
  static constexpr int kAcross = (kAlongK ? kDepth : kRows) / kVector;
  static constexpr int kDown = kThreads / kAcross;
  static constexpr int kPasses = (kAlongK ? kRows : kDepth) / kDown;
  static_assert(kPasses * kDown == (kAlongK ? kRows : kDepth));

 public:
  using Tile = SharedTile<kRows, kAlong>;

  __device__ TileCopy(const View& view, int first_row)
      : view_(view),
        place_(static_cast<int>(threadIdx.x) % kAcross * kVector),
        down_(static_cast<int>(threadIdx.x) / kAcross) {
    if constexpr (kAlongK) {
#pragma unroll
      for (int pass = 0; pass < kPasses; ++pass)
        fixed_.line[pass] = view_.line(first_row + down_ + pass * kDown);
    } else {
      fixed_.column = view_.column(first_row + place_);
    }
  }

  // Starts the copy of k ... k + kDepth - 1.
  __device__ void start(Real* tile, int k) const {
    if constexpr (kAlongK) {
      const auto column = view_.column(k + place_);
#pragma unroll
      for (int pass = 0; pass < kPasses; ++pass)
        copy(tile + Tile::offset(down_ + pass * kDown, place_),
             view_.at(fixed_.line[pass], column));
    } else {
      // The lanes of a warp copy parts of the same few lines. Where it takes divisions to find one,
      // each lane finds one of the step's for all.
      const auto found = view_.line(k + static_cast<int>(threadIdx.x) % kDepth);
      const auto line = [&](int i) {
        if constexpr (requires { found.of_lane(i); })
          return found.of_lane(i);
        else
          return view_.line(k + i);
      };
#pragma unroll
      for (int pass = 0; pass < kPasses; ++pass) {
        const int i = down_ + pass * kDown;
        copy(tile + Tile::offset(place_, i), view_.at(line(i), fixed_.column));
      }
    }
  }

 private:
  // What does not change along k.
  struct Lines {
    typename View::Line line[kPasses];
  };
  struct Column {
    typename View::Column column;
  };

  __device__ static void copy(Real* to, const auto& from) {
    copy_async<kVector* static_cast<int>(sizeof(Real))>(to, from.data, from.inside);
  }

  const View& view_;
  int place_, down_;
  std::conditional_t<kAlongK, Lines, Column> fixed_;
};

// One of the products of a launch: C (m, n) = A B, summed over first_k <= k < last_k.
template <class LeftOperand, class RightOperand, class OutputRows>
struct Product {
  LeftOperand left;
  RightOperand right;
  OutputRows output;
  int m, n;
  int first_k, last_k;  // kDepth divides first_k
};

// The tiles of the largest product of a launch; those of a row of C are computed side by side.
struct TileGrid {
  int rows, columns;
};

// `Products` has a function product(z); `Numbers` is Simt, Tf32 or Bf16 of tile_sums.cuh.
template <class Shape, class Numbers, class Products>
__global__ void __launch_bounds__(Shape::kThreads, Shape::kResident)
    multiply_tiles(const Products products, const TileGrid grid) {
  const int block = static_cast<int>(blockIdx.x), tile_row = block / grid.columns;
  const auto product = products.product(tile_row / grid.rows);
  const int first_m = tile_row % grid.rows * Shape::kM, first_n = block % grid.columns * Shape::kN;
  if (first_m >= product.m || first_n >= product.n) return;

  using Left = TileCopy<Shape::kM, Shape::kThreads, decltype(product.left)>;
  using Right = TileCopy<Shape::kN, Shape::kThreads, decltype(product.right)>;
  const Left left(product.left.view, first_m);
  const Right right(product.right.view, first_n);
  typename Numbers::template Sums<Shape, typename Left::Tile, typename Right::Tile> sums;

  constexpr int kStage = Left::Tile::kSize + Right::Tile::kSize;
  Real* const shared = dynamic_shared<Real>();
  const int steps = (product.last_k - product.first_k + kDepth - 1) / kDepth;
  const auto start = [&](int step, int stage) {
    left.start(shared + stage, product.first_k + step * kDepth);
    right.start(shared + stage + Left::Tile::kSize, product.first_k + step * kDepth);
    copy_async_commit();
  };

  // (Without steps the operands may be empty, and their addresses null.)
  if (steps > 0)
    for (int step = 0; step < kStages - 1; ++step) start(step, step * kStage);
  int stage = 0, freed = (kStages - 1) * kStage;
  for (int step = 0; step < steps; ++step) {
    // The step is there for all threads, and all are done with the one whose memory comes next.
    copy_async_wait<kStages - 2>();
    __syncthreads();
    sums.add(shared + stage, shared + stage + Left::Tile::kSize);
    start(step + kStages - 1, freed);
    freed = stage;
    stage = stage == (kStages - 1) * kStage ? 0 : stage + kStage;
  }
  sums.store(product.output, first_m, first_n, product.m, product.n);
}

}  // namespace ink::cuda
