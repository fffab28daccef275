#include <limits>

#include "cuda/attention_head.cuh"

namespace ink::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kRows = kWarps * kWarpRows;

// What shared memory holds: the block's queries, a tile of keys and one of values.
template <int kDim>
constexpr std::size_t kShared = std::size_t{kRows + 2 * kTile} * kStride<kDim>;

// The largest score so far of a lane's two rows, and the lane's part of the sum of
// exp(score - largest).
struct OnlineSoftmax {
  Real largest[2] = {-std::numeric_limits<Real>::infinity(),
                     -std::numeric_limits<Real>::infinity()};
  Real sum[2] = {0, 0};

  // Scores become exp(scale score - largest), and those past the last of `keys` zero. What was
  // summed before shrinks as the largest score grows. (ATT.3)
  template <int kDim>
  __device__ void add(Fragment<kTile>& score, Fragment<kDim>& weighted, int keys, Real scale) {
    const Real before[2] = {largest[0], largest[1]};
    for_each_element(
        [&](Real& x, int half, int key) {
          x = key < keys ? scale * x : -std::numeric_limits<Real>::infinity();
          largest[half] = Larger{}(x, largest[half]);
        },
        score);
    Real shrink[2];
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      // The row lies in four lanes.
      largest[r] = Larger{}(largest[r], __shfl_xor_sync(kWholeWarp, largest[r], 1));
      largest[r] = Larger{}(largest[r], __shfl_xor_sync(kWholeWarp, largest[r], 2));
      shrink[r] = exponential(before[r] - largest[r]);
      sum[r] *= shrink[r];
    }
    for_each_element(
        [&](Real& x, int half, int) {
          x = exponential(x - largest[half]);
          sum[half] += x;
        },
        score);
    for_each_element([&](Real& x, int half, int) { x *= shrink[half]; }, weighted);
  }

  // The sum over the whole of each row.
  __device__ void join_lanes() {
#pragma unroll
    for (Real& x : sum) {
      x += __shfl_xor_sync(kWholeWarp, x, 1);
      x += __shfl_xor_sync(kWholeWarp, x, 2);
    }
  }
};

// A block takes kRows queries of one head, a warp sixteen of them.
template <class Math, int kDim>
__global__ void __launch_bounds__(kWarps* kWarp)
    attention_forward_kernel(Real* o, Real* logsumexp, const Real* q, const Real* k, const Real* v,
                             HeadSizes s) {
  const HeadRows<const Real> q_head(q, s.queries, s), k_head(k, s.keys, s), v_head(v, s.keys, s);
  const int first = static_cast<int>(blockIdx.y) * kRows;
  const int own = static_cast<int>(threadIdx.x) / kWarp * kWarpRows;  // the warp's first row
  const int slice = static_cast<int>(blockIdx.z), slices = static_cast<int>(gridDim.z);
  Real* const q_rows = dynamic_shared<Real>();
  Real* const k_tile = q_rows + kRows * kStride<kDim>;
  Real* const v_tile = k_tile + kTile * kStride<kDim>;

  Fragment<kDim> weighted;  // sums of v, weighted by exp(score - largest)
  OnlineSoftmax softmax;
  for (int key = 0; key < s.keys; key += kTile) {
    Fragment<kTile> score;
    for (int i = 1; i <= slices; ++i) {
      const int column = (slice + i) % slices * kDim;
      __syncthreads();
      if (slices > 1 || key == 0) load_rows<Math, kRows, kDim>(q_rows, q_head, first, column, s);
      load_rows<Math, kTile, kDim>(k_tile, k_head, key, column, s);
      if (i == slices) load_rows<Math, kTile, kDim>(v_tile, v_head, key, column, s);
      __syncthreads();
      Math::template add_transposed<kDim>(score, q_rows + own * kStride<kDim>, k_tile);
    }
    softmax.add(score, weighted, s.keys - key, s.scale);
    Math::template add_product<kDim>(weighted, score, v_tile);
  }

  softmax.join_lanes();
  const Real scale[2] = {1 / softmax.sum[0], 1 / softmax.sum[1]};
  for_each_element([&](Real& x, int half, int) { x *= scale[half]; }, weighted);  // (ATT.1)
  store_rows(HeadRows<Real>(o, s.queries, s), weighted, first + own, slice * kDim, s);
  if (slice > 0 || lane_column() > 0) return;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = first + own + lane_row() + 8 * half;
    if (row >= s.queries) break;
    logsumexp[blockIdx.x * Index(s.queries) + row] =
        softmax.largest[half] + std::log(softmax.sum[half]);  // (ACT.7)
  }
}

}  // namespace

void attention_forward(Real* o, Real* logsumexp, const Real* q, const Real* k, const Real* v,
                       const AttentionSizes& sizes) {
  if (sizes.batch * sizes.heads * sizes.queries == 0) return;
  const HeadSizes s = head_sizes(sizes, rows_of_fours(sizes, q, k, v));
  with_products(s, [&](auto math, auto dim, int slices) {
    launch(attention_forward_kernel<decltype(math), dim()>,
           head_launch(sizes, sizes.queries, slices, kWarps, kShared<dim()>), o, logsumexp, q, k, v,
           s);
  });
}

}  // namespace ink::cuda
