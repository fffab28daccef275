// Where a block of an attention kernel works: a block of rows of one head, queries or keys, against
// tiles of the other.
//
// Heads wider than kDim are cut into slices of kDim columns. Scores need all of them, one after
// the other; each block sums up one slice of the output, its own, and visits it last, so that
// this is what shared memory holds when the scores are complete.
#pragma once

#include <cstdint>
#include <type_traits>

#include "cuda/attention_tile.cuh"
#include "cuda/precision.h"
#include "cuda/runtime.h"

namespace ink::cuda {

struct HeadSizes {
  int queries;
  int keys;
  int heads;
  int dim;       // columns of a head
  bool vectors;  // whether rows can be read four columns at a time
  Real scale;

  HD Index stride() const { return Index(heads) * dim; }
};

// The rows of one head in an array (batch, rows, heads * dim).
template <class T>
struct HeadRows {
  T* data;
  int rows;

  __device__ HeadRows(T* array, int count, const HeadSizes& s)
      : data(array +
             (blockIdx.x / s.heads * Index(count) * s.heads + blockIdx.x % s.heads) * s.dim),
        rows(count) {}
};

// tile (kRows, kDim) = the rows and columns from `row` and `column` on, zeros past the last.
template <class Math, int kRows, int kDim>
__device__ void load_rows(Real* tile, const HeadRows<const Real>& from, int row, int column,
                          const HeadSizes& s) {
  constexpr int kFours = kDim / 4;
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kFours; i += blockDim.x) {
    const int r = i / kFours, c = i % kFours * 4, left = s.dim - column - c;
    Four four = {};
    if (row + r < from.rows) {
      const Real* source = from.data + (row + r) * s.stride() + column + c;
      if (s.vectors) {
        if (left > 0) four = *reinterpret_cast<const Four*>(source);
      } else {
        for (int e = 0; e < 4 && e < left; ++e) four.at[e] = source[e];
      }
    }
    for (Real& x : four.at) x = Math::round(x);
    *reinterpret_cast<Four*>(tile + r * kStride<kDim> + c) = four;
  }
}

// The other way round, from registers: a warp's sixteen rows from `row` on.
template <int kDim>
__device__ void store_rows(const HeadRows<Real>& to, Fragment<kDim>& sums, int row, int column,
                           const HeadSizes& s) {
  for_each_element(
      [&](Real value, int half, int c) {
        const int r = row + lane_row() + 8 * half;
        if (r < to.rows && column + c < s.dim) to.data[r * s.stride() + column + c] = value;
      },
      sums);
}

// ---- on the host -------------------------------------------------------------------------------

// Calls body(Math{}, std::integral_constant<int, kDim>{}, slices): how the products are computed,
// and how many slices of kDim columns make a head.
template <class Body>
void with_products(const HeadSizes& s, const Body& body) {
  const auto with_math = [&](auto math) {
    if constexpr (sizeof(Real) == sizeof(float)) {
      if (s.dim > 32) return body(math, std::integral_constant<int, 64>{}, (s.dim + 63) / 64);
    }
    body(math, std::integral_constant<int, 32>{}, (s.dim + 31) / 32);
  };
  if constexpr (sizeof(Real) == sizeof(float)) {
    if (precision() != Precision::exact) return with_math(TensorCores{});
  }
  with_math(Exact{});
}

// Whether all rows of the arrays begin at a multiple of 16 bytes and hold whole fours.
template <class... Pointers>
bool rows_of_fours(const AttentionSizes& sizes, const Pointers*... arrays) {
  return sizes.head_dim % 4 == 0 && ((reinterpret_cast<std::uintptr_t>(arrays) % 16 == 0) && ...);
}

inline HeadSizes head_sizes(const AttentionSizes& sizes, bool vectors) {
  const auto narrow = [](Index i) { return static_cast<int>(i); };
  return {narrow(sizes.queries),
          narrow(sizes.keys),
          narrow(sizes.heads),
          narrow(sizes.head_dim),
          vectors,
          sizes.scale};
}

// A block of `warps` warps for each block of rows, head and slice, with `tiles` tiles of 32 rows in
// shared memory, `own` tiles of the block's rows, and `numbers` more.
inline Launch head_launch(const AttentionSizes& sizes, Index rows, int slices, int warps,
                          std::size_t numbers) {
  const Index block = Index(warps) * kWarpRows;
  return {dim3(static_cast<unsigned>(sizes.batch * sizes.heads),
               static_cast<unsigned>((rows + block - 1) / block), static_cast<unsigned>(slices)),
          dim3(static_cast<unsigned>(warps * kWarp)), numbers * sizeof(Real)};
}

}  // namespace ink::cuda
