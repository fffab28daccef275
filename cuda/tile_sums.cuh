// The sums of a tile, in the registers of a block: by multiply-adds of its threads, or on tensor
// cores.
#pragma once

#include <cmath>

#include "cuda/tile.cuh"

namespace ink::cuda {

// Multiply-adds in Real. A thread has squares of 4 x 4 sums: their rows of A and columns of B are
// loaded once for 4 steps of k.
template <class Shape, class LeftTile, class RightTile>
class SimtSums {
  static constexpr int kSums = Shape::kM * Shape::kN / Shape::kThreads;
  static constexpr int kDown = Shape::kM / 64, kAcross = kSums / 16 / kDown;
  static constexpr int kThreadsN = Shape::kN / 4 / kAcross, kThreadsM = Shape::kThreads / kThreadsN;

 public:
  __device__ void add(const Real* left, const Real* right) {
#pragma unroll 1
    for (int k = 0; k < kDepth; k += 4) {
      Real a[kDown][4][4];
#pragma unroll
      for (int i = 0; i < kDown; ++i) LeftTile::square(a[i], left, row(i), k);
#pragma unroll
      for (int j = 0; j < kAcross; ++j) {
        Real b[4][4];
        RightTile::square(b, right, column(j), k);
#pragma unroll
        for (int i = 0; i < kDown; ++i) multiply_add(sums_[i][j], a[i], b);
      }
    }
  }

  // Gives the output its rows, four neighbours at a time.
  template <class Output>
  __device__ void store(const Output& output, int first_m, int first_n, int m, int n) const {
#pragma unroll
    for (int i = 0; i < 4 * kDown; ++i) {
      if (first_m + row(i / 4) + i % 4 >= m) continue;
      const auto to = output.row(first_m + row(i / 4) + i % 4);
#pragma unroll
      for (int j = 0; j < kAcross; ++j)
        if (first_n + column(j) < n) output.store(to, first_n + column(j), sums_[i / 4][j][i % 4]);
    }
  }

 private:
  using Square = Real[4][4];

  __device__ static void multiply_add(Square& sum, const Square& a, const Square& b) {
#pragma unroll
    for (int k = 0; k < 4; ++k)
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) sum[i][j] = std::fma(a[i][k], b[j][k], sum[i][j]);
  }

  // Where square (i, j) begins: the squares of neighbouring threads are neighbours.
  __device__ static int row(int i) {
    return (static_cast<int>(threadIdx.x) / kThreadsN + i * kThreadsM) * 4;
  }
  __device__ static int column(int j) {
    return (static_cast<int>(threadIdx.x) % kThreadsN + j * kThreadsN) * 4;
  }

  Square sums_[kDown][kAcross] = {};
};

// Real numbers and the multiply-adds of the ordinary units.
struct Simt {
  template <class Shape, class LeftTile, class RightTile>
  using Sums = SimtSums<Shape, LeftTile, RightTile>;
};

template <class Numbers, class Shape, class LeftTile, class RightTile>
class TensorCoreSums;

// A warp's product of 16 rows and 8 columns over kDepth steps of k. A lane gives four neighbours
// along k for each of its rows: the instruction has other places for them, but the same for A and
// B, and a sum does not mind in which order its terms come. (GPU.7)
struct Tf32 {
  template <class Shape, class LeftTile, class RightTile>
  using Sums = TensorCoreSums<Tf32, Shape, LeftTile, RightTile>;

  struct Left {
    std::uint32_t first[4], second[4];
  };
  struct Right {
    std::uint32_t first[2], second[2];
  };

  __device__ static Left left(const Quad& row, const Quad& row8) {
    return {{round_to_tf32(row.v[0]), round_to_tf32(row8.v[0]), round_to_tf32(row.v[1]),
             round_to_tf32(row8.v[1])},
            {round_to_tf32(row.v[2]), round_to_tf32(row8.v[2]), round_to_tf32(row.v[3]),
             round_to_tf32(row8.v[3])}};
  }
  __device__ static Right right(const Quad& column) {
    return {{round_to_tf32(column.v[0]), round_to_tf32(column.v[1])},
            {round_to_tf32(column.v[2]), round_to_tf32(column.v[3])}};
  }
  __device__ static void multiply_add(float (&sum)[4], const Left& a, const Right& b) {
    mma_m16n8k8_tf32(sum, a.first, b.first);
    mma_m16n8k8_tf32(sum, a.second, b.second);
  }
};

struct Bf16 {
  template <class Shape, class LeftTile, class RightTile>
  using Sums = TensorCoreSums<Bf16, Shape, LeftTile, RightTile>;

  struct Left {
    std::uint32_t pairs[4];
  };
  struct Right {
    std::uint32_t pairs[2];
  };

  __device__ static Left left(const Quad& row, const Quad& row8) {
    return {{pack_bf16(row.v[0], row.v[1]), pack_bf16(row8.v[0], row8.v[1]),
             pack_bf16(row.v[2], row.v[3]), pack_bf16(row8.v[2], row8.v[3])}};
  }
  __device__ static Right right(const Quad& column) {
    return {{pack_bf16(column.v[0], column.v[1]), pack_bf16(column.v[2], column.v[3])}};
  }
  __device__ static void multiply_add(float (&sum)[4], const Left& a, const Right& b) {
    mma_m16n8k16_bf16(sum, a.pairs, b.pairs);
  }
};

// Products of rounded numbers on tensor cores, summed in float. Lane 4 g + t of a warp has, of each
// 16 x 8 piece of the warp's part, the sums (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1).
template <class Numbers, class Shape, class LeftTile, class RightTile>
class TensorCoreSums {
  static constexpr int kRows = Shape::kM / Shape::kWarpsM, kColumns = Shape::kN / Shape::kWarpsN;
  static constexpr int kDown = kRows / 16, kAcross = kColumns / 8;
  static_assert(kDepth == 16);

 public:
  __device__ void add(const Real* left, const Real* right) {
    typename Numbers::Right b[kAcross];
#pragma unroll
    for (int j = 0; j < kAcross; ++j)
      b[j] = Numbers::right(RightTile::four(right, column(j) + lane() / 4, lane() % 4 * 4));
#pragma unroll
    for (int i = 0; i < kDown; ++i) {
      const int at = row(i) + lane() / 4, k = lane() % 4 * 4;
      const auto a = Numbers::left(LeftTile::four(left, at, k), LeftTile::four(left, at + 8, k));
#pragma unroll
      for (int j = 0; j < kAcross; ++j) Numbers::multiply_add(sums_[i][j], a, b[j]);
    }
  }

  // Gives the output its rows, two neighbours at a time.
  template <class Output>
  __device__ void store(const Output& output, int first_m, int first_n, int m, int n) const {
#pragma unroll
    for (int i = 0; i < 2 * kDown; ++i) {
      const int at = first_m + row(i / 2) + i % 2 * 8 + lane() / 4;
      if (at >= m) continue;
      const auto to = output.row(at);
#pragma unroll
      for (int j = 0; j < kAcross; ++j) {
        const int place = first_n + column(j) + lane() % 4 * 2;
        const float* sum = sums_[i / 2][j] + i % 2 * 2;
        if (place < n) output.store(to, place, {sum[0], sum[1]});
      }
    }
  }

 private:
  __device__ static int lane() { return static_cast<int>(threadIdx.x) % 32; }
  __device__ static int warp() { return static_cast<int>(threadIdx.x) / 32; }
  // Where piece (i, j) of the warp begins.
  __device__ static int row(int i) { return warp() / Shape::kWarpsN * kRows + i * 16; }
  __device__ static int column(int j) { return warp() % Shape::kWarpsN * kColumns + j * 8; }

  float sums_[kDown][kAcross][4] = {};
};

}  // namespace ink::cuda
