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

// A warp's product of 16 rows and 8 columns over kDepth steps of k. With lane 4 g + t, a[i] are the
// elements (g, t + 4 i) and (g + 8, t + 4 i) of A, b[i] is (t + 4 i, g) of B.
struct Tf32 {
  template <class Shape, class LeftTile, class RightTile>
  using Sums = TensorCoreSums<Tf32, Shape, LeftTile, RightTile>;

  struct Left {
    std::uint32_t first[4], second[4];
  };
  struct Right {
    std::uint32_t first[2], second[2];
  };

  // (Real is float wherever this runs.)
  __device__ static std::uint32_t rounded(Real x) { return round_to_tf32(static_cast<float>(x)); }

  __device__ static Left left(const Real (&a)[4][2]) {
    return {{rounded(a[0][0]), rounded(a[0][1]), rounded(a[1][0]), rounded(a[1][1])},
            {rounded(a[2][0]), rounded(a[2][1]), rounded(a[3][0]), rounded(a[3][1])}};
  }
  __device__ static Right right(const Real (&b)[4]) {
    return {{rounded(b[0]), rounded(b[1])}, {rounded(b[2]), rounded(b[3])}};
  }
  __device__ static void multiply_add(float (&sum)[4], const Left& a, const Right& b) {
    mma_m16n8k8_tf32(sum, a.first, b.first);
    mma_m16n8k8_tf32(sum, a.second, b.second);
  }
};

// The instruction has other places for a lane's terms, but the same for A and B, and a sum does not
// mind in which order its terms come. (GPU.7)
struct Bf16 {
  template <class Shape, class LeftTile, class RightTile>
  using Sums = TensorCoreSums<Bf16, Shape, LeftTile, RightTile>;

  struct Left {
    std::uint32_t pairs[4];
  };
  struct Right {
    std::uint32_t pairs[2];
  };

  __device__ static std::uint32_t pair(Real low, Real high) {
    return pack_bf16(static_cast<float>(low), static_cast<float>(high));
  }

  __device__ static Left left(const Real (&a)[4][2]) {
    return {{pair(a[0][0], a[1][0]), pair(a[0][1], a[1][1]), pair(a[2][0], a[3][0]),
             pair(a[2][1], a[3][1])}};
  }
  __device__ static Right right(const Real (&b)[4]) {
    return {{pair(b[0], b[1]), pair(b[2], b[3])}};
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
    for (int j = 0; j < kAcross; ++j) {
      Real numbers[4];
      RightTile::eight(numbers, right, column(0), j * 8);
      b[j] = Numbers::right(numbers);
    }
#pragma unroll
    for (int i = 0; i < kDown; ++i) {
      Real numbers[4][2];
      LeftTile::sixteen(numbers, left, row(0), i * 16);
      const auto a = Numbers::left(numbers);
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
  __device__ static int warp() { return static_cast<int>(threadIdx.x) / 32; }
  // Where piece (i, j) of the warp begins.
  __device__ static int row(int i) { return warp() / Shape::kWarpsN * kRows + i * 16; }
  __device__ static int column(int j) { return warp() % Shape::kWarpsN * kColumns + j * 8; }

  float sums_[kDown][kAcross][4] = {};
};

}  // namespace ink::cuda
