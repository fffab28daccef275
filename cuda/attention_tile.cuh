// The two matrix products of which attention is made, forward and backward, for one warp: sixteen
// rows of its own with the rows of a tile, both in shared memory. (ATT.1) (ATT.5)
//
//     scores (16, kTile)  += own (16, kDim) tile (kTile, kDim)^T        add_transposed
//     sums   (16, kDim)   += p (16, kTile)  tile (kTile, kDim)          add_product
//
// The results stay in registers, and so does p, which is made of scores: nothing of the size of the
// score matrix is ever stored. Both come in two kinds, Exact and TensorCores, which divide a matrix
// among the lanes in the same way: with g = lane / 4 and t = lane % 4, a lane has of columns
// 8j, ..., 8j + 7
//
//     at[j][0], at[j][1]: row g,     columns 8j + 2t and 8j + 2t + 1
//     at[j][2], at[j][3]: row g + 8, the same columns
#pragma once

#include <bit>
#include <cmath>

#include "cuda/mma.cuh"
#include "cuda/shared.h"
#include "cuda/warp.cuh"
#include "tensor/kernels/attention.h"
#include "tensor/kernels/math.h"

namespace ink::cuda {

// Rows of a tile, of a warp, and columns of a head at a time.
inline constexpr int kTile = 32;
inline constexpr int kWarpRows = 16;

// Rows in shared memory are four numbers longer than they need to be: in both products the lanes of
// a warp then meet different banks.
template <int kDim>
inline constexpr int kStride = kDim + 4;

// A lane's part of a matrix (16, kColumns).
template <int kColumns, class T = Real>
struct Fragment {
  T at[kColumns / 8][4] = {};
};

// The lane's first row, and its first column of every eight.
__device__ inline int lane_row() { return static_cast<int>(threadIdx.x) % kWarp / 4; }
__device__ inline int lane_column() { return static_cast<int>(threadIdx.x) % 4 * 2; }

// Calls body(element..., half, column) for the elements of matrices of one size: they stand in row
// lane_row() + 8 * half.
template <class Body, int kColumns, class... More>
__device__ void for_each_element(const Body& body, Fragment<kColumns>& first, More&... more) {
#pragma unroll
  for (int j = 0; j < kColumns / 8; ++j) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      body(first.at[j][i], more.at[j][i]..., i / 2, 8 * j + lane_column() + i % 2);
    }
  }
}

struct alignas(2 * sizeof(Real)) Two {
  Real at[2];
};
struct alignas(16) Four {
  Real at[4];
};

// In the numbers that are given, by fused multiply-adds.
struct Exact {
  __device__ static Real round(Real x) { return x; }

  template <int kDim>
  __device__ static void add_transposed(Fragment<kTile>& scores, const Real* own,
                                        const Real* tile) {
    const int g = lane_row();
    for (int k = 0; k < kDim; k += 4) {
      const auto four = [k](const Real* rows, int row) {
        return *reinterpret_cast<const Four*>(rows + row * kStride<kDim> + k);
      };
      const Four upper = four(own, g), lower = four(own, g + 8);
#pragma unroll
      for (int j = 0; j < kTile / 8; ++j) {
#pragma unroll
        for (int c = 0; c < 2; ++c) {
          const Four right = four(tile, 8 * j + lane_column() + c);
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            scores.at[j][c] = std::fma(upper.at[i], right.at[i], scores.at[j][c]);
            scores.at[j][2 + c] = std::fma(lower.at[i], right.at[i], scores.at[j][2 + c]);
          }
        }
      }
    }
  }

  // The four lanes of a row pass their elements of p around.
  template <int kDim>
  __device__ static void add_product(Fragment<kDim>& sums, const Fragment<kTile>& p,
                                     const Real* tile) {
#pragma unroll
    for (int k = 0; k < kTile; ++k) {
      const Real upper = __shfl_sync(kWholeWarp, p.at[k / 8][k % 2], k % 8 / 2, 4);
      const Real lower = __shfl_sync(kWholeWarp, p.at[k / 8][2 + k % 2], k % 8 / 2, 4);
#pragma unroll
      for (int j = 0; j < kDim / 8; ++j) {
        const Real* row = tile + k * kStride<kDim> + 8 * j + lane_column();
        const Two right = *reinterpret_cast<const Two*>(row);
#pragma unroll
        for (int c = 0; c < 2; ++c) {
          sums.at[j][c] = std::fma(upper, right.at[c], sums.at[j][c]);
          sums.at[j][2 + c] = std::fma(lower, right.at[c], sums.at[j][2 + c]);
        }
      }
    }
  }
};

// In float, with factors rounded to TF32 and exact products: m16n8k8. Own rows and tile have been
// rounded as they were loaded.
struct TensorCores {
  __device__ static float round(float x) { return std::bit_cast<float>(round_to_tf32(x)); }

  template <int kDim>
  __device__ static void add_transposed(Fragment<kTile, float>& scores, const float* own,
                                        const float* tile) {
    const int g = lane_row(), t = lane_column() / 2;
    const auto bits = [t](const float* rows, int row, int k) {
      return std::bit_cast<std::uint32_t>(rows[row * kStride<kDim> + k + t]);
    };
#pragma unroll
    for (int k = 0; k < kDim; k += 8) {
      const std::uint32_t a[4] = {bits(own, g, k), bits(own, g + 8, k), bits(own, g, k + 4),
                                  bits(own, g + 8, k + 4)};
#pragma unroll
      for (int j = 0; j < kTile / 8; ++j) {
        const std::uint32_t b[2] = {bits(tile, 8 * j + g, k), bits(tile, 8 * j + g, k + 4)};
        mma_m16n8k8_tf32(scores.at[j], a, b);
      }
    }
  }

  // The hardware wants elements (g, t) and (g, t + 4) of p where the lane has (g, 2t) and
  // (g, 2t + 1). As the order of a sum's terms is free, the columns of p are renumbered, and the
  // rows of the tile with them.
  template <int kDim>
  __device__ static void add_product(Fragment<kDim, float>& sums, const Fragment<kTile, float>& p,
                                     const float* tile) {
#pragma unroll
    for (int k = 0; k < kTile / 8; ++k) {
      const float(&element)[4] = p.at[k];
      const std::uint32_t a[4] = {round_to_tf32(element[0]), round_to_tf32(element[2]),
                                  round_to_tf32(element[1]), round_to_tf32(element[3])};
      const float* row = tile + (8 * k + lane_column()) * kStride<kDim> + lane_row();
#pragma unroll
      for (int j = 0; j < kDim / 8; ++j) {
        const std::uint32_t b[2] = {std::bit_cast<std::uint32_t>(row[8 * j]),
                                    std::bit_cast<std::uint32_t>(row[8 * j + kStride<kDim>])};
        mma_m16n8k8_tf32(sums.at[j], a, b);
      }
    }
  }
};

}  // namespace ink::cuda
