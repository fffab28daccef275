// The product of a step on tensor cores, for the last two rungs.
#pragma once

#include "bench/ladder/gpu/window.cuh"
#include "cuda/mma.cuh"

namespace ink::ladder {

// A block of 4 warps computes 64 x 64 numbers, a warp 32 x 32 of them: 2 x 4 pieces of 16 x 8.
inline constexpr int kTile = 64, kDepth = 16, kThreads = 128;

// A step of A or B: its rows (columns of B) with 4 numbers more than they need. Then the four
// neighbours along k that eight rows give to an instruction lie in 32 different banks. (GPU.6)
using Step = Real[kTile][kDepth + 4];

class WarpProduct {
 public:
  // Adds the product of a step. (GPU.5)
  __device__ void add(const Step& a, const Step& b) {
    for (int k = 0; k < kDepth; k += 8) {
      std::uint32_t right[4][2];
      for (int j = 0; j < 4; ++j)
        for (int i = 0; i < 2; ++i)
          right[j][i] = rounded(b[column_ + 8 * j + group_][k + place_ + 4 * i]);
      for (int i = 0; i < 2; ++i) {
        const Real *row = a[row_ + 16 * i + group_], *row8 = a[row_ + 16 * i + group_ + 8];
        const std::uint32_t left[4] = {rounded(row[k + place_]), rounded(row8[k + place_]),
                                       rounded(row[k + place_ + 4]), rounded(row8[k + place_ + 4])};
        for (int j = 0; j < 4; ++j) cuda::mma_m16n8k8_tf32(sum_[i][j], left, right[j]);
      }
    }
  }

  // Stores the block's numbers from (first_pixel, first_o) on.
  __device__ void store(Real* y, int first_pixel, int first_o, const Matrices& m) const {
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 4; ++j)
        for (int q = 0; q < 4; ++q) {
          const int pixel = first_pixel + row_ + 16 * i + group_ + q / 2 * 8;
          const int o = first_o + column_ + 8 * j + 2 * place_ + q % 2;
          if (pixel < m.pixels && o < m.c_out) y[Index(pixel) * m.c_out + o] = Real(sum_[i][j][q]);
        }
  }

 private:
  __device__ static std::uint32_t rounded(Real x) {
    return cuda::round_to_tf32(static_cast<float>(x));
  }

  const int thread_ = static_cast<int>(threadIdx.x);
  const int row_ = thread_ / 64 * 32, column_ = thread_ / 32 % 2 * 32;  // of the warp's part
  const int group_ = thread_ % 32 / 4, place_ = thread_ % 4;            // of the lane
  float sum_[2][4][4] = {};
};

}  // namespace ink::ladder
