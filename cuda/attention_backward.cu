// Two kernels, each of which owns what it writes, so that nothing is added up by several blocks:
// the first takes rows of queries and makes dq, the second rows of keys and makes dk and dv. The
// probabilities are computed in both, which costs two products more than the five of (ATT.5); it
// leaves no order of additions to chance, and keeps all blocks busy in long sequences of few heads.
#include "cuda/attention_head.cuh"
#include "cuda/scratch.h"

namespace ink::cuda {
namespace {

// Four tiles have to fit into 48 KiB.
template <int kDim>
constexpr int kWarps = sizeof(Real) * kDim > 128 ? 2 : 4;
template <int kDim>
constexpr int kRows = kWarps<kDim>* kWarpRows;

// The compiler is told not to save registers for more blocks than shared memory has room for.
constexpr int kMinBlocks = 2;

// What shared memory holds: two arrays of the block's rows, two tiles, and of each row (of queries)
// or each column of the scores its logsumexp and D.
template <int kDim>
struct Shared {
  Real *own_a, *own_b, *tile_a, *tile_b, *logsumexp, *dot;
  static constexpr std::size_t kOwn = std::size_t{kRows<kDim>} * kStride<kDim>;
  static constexpr std::size_t kOther = std::size_t{kTile} * kStride<kDim>;
  static constexpr std::size_t kNumbers = 2 * kOwn + 2 * kOther + 2 * kRows<kDim>;
  static_assert(kNumbers * sizeof(Real) <= 48 * 1024 && kRows<kDim> >= kTile);

  __device__ Shared() : own_a(dynamic_shared<Real>()) {
    own_b = own_a + kOwn;
    tile_a = own_b + kOwn;
    tile_b = tile_a + kOther;
    logsumexp = tile_b + kOther;
    dot = logsumexp + kRows<kDim>;
  }
};

struct Operands {
  const Real *d_out, *q, *k, *v, *o, *logsumexp;
};

// D = rowsum(do o) of the block's queries, a warp for its own sixteen, also to `dot` in global
// memory where it is not null; and their logsumexp. (ATT.6)
template <int kDim>
__device__ void load_query_rows(const Shared<kDim>& shared, Real* dot, const Real* logsumexp,
                                const HeadRows<const Real>& d_out, const HeadRows<const Real>& o,
                                int first, int own, const HeadSizes& s) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  for (int r = own; r < own + kWarpRows; ++r) {
    Real sum = 0;
    if (first + r < s.queries) {
      const Index offset = (first + r) * s.stride();
      for (int c = lane; c < s.dim; c += kWarp) {
        sum = std::fma(d_out.data[offset + c], o.data[offset + c], sum);
      }
    }
    sum = warp_sum(sum);
    if (lane > 0) continue;
    const bool inside = first + r < s.queries;
    shared.dot[r] = sum;
    shared.logsumexp[r] = inside ? logsumexp[first + r] : Real(0);
    if (inside && dot != nullptr) dot[first + r] = sum;
  }
}

template <class Math, int kDim>
__global__ void __launch_bounds__(kWarps<kDim>* kWarp, kMinBlocks)
    attention_backward_queries_kernel(Real* dq, Real* dot, Operands in, HeadSizes s) {
  const HeadRows<const Real> q(in.q, s.queries, s), d_out(in.d_out, s.queries, s),
      o(in.o, s.queries, s), k(in.k, s.keys, s), v(in.v, s.keys, s);
  const Shared<kDim> shared;
  const int first = static_cast<int>(blockIdx.y) * kRows<kDim>;
  const int own = static_cast<int>(threadIdx.x) / kWarp * kWarpRows;
  const int slice = static_cast<int>(blockIdx.z), slices = static_cast<int>(gridDim.z);
  const Index at_query = blockIdx.x * Index(s.queries);
  load_query_rows(shared, slice == 0 ? dot + at_query : nullptr, in.logsumexp + at_query, d_out, o,
                  first, own, s);

  Fragment<kDim> sums;
  for (int key = 0; key < s.keys; key += kTile) {
    Fragment<kTile> p, dp;
    for (int i = 1; i <= slices; ++i) {
      const int column = (slice + i) % slices * kDim;
      __syncthreads();
      if (slices > 1 || key == 0) {
        load_rows<Math, kRows<kDim>, kDim>(shared.own_a, q, first, column, s);
        load_rows<Math, kRows<kDim>, kDim>(shared.own_b, d_out, first, column, s);
      }
      load_rows<Math, kTile, kDim>(shared.tile_a, k, key, column, s);
      load_rows<Math, kTile, kDim>(shared.tile_b, v, key, column, s);
      __syncthreads();
      Math::template add_transposed<kDim>(p, shared.own_a + own * kStride<kDim>, shared.tile_a);
      Math::template add_transposed<kDim>(dp, shared.own_b + own * kStride<kDim>, shared.tile_b);
    }
    for_each_element(
        [&](Real& p_and_ds, Real gradient, int half, int column) {
          const int row = own + lane_row() + 8 * half;
          const Real probability = key + column < s.keys
                                       ? exponential(s.scale * p_and_ds - shared.logsumexp[row])
                                       : Real(0);  // (ATT.4)
          p_and_ds = s.scale * probability * (gradient - shared.dot[row]);
        },
        p, dp);
    Math::template add_product<kDim>(sums, p, shared.tile_a);
  }
  store_rows(HeadRows<Real>(dq, s.queries, s), sums, first + own, slice * kDim, s);
}

template <class Math, int kDim>
__global__ void __launch_bounds__(kWarps<kDim>* kWarp, kMinBlocks)
    attention_backward_keys_kernel(Real* dk, Real* dv, const Real* dot, Operands in, HeadSizes s) {
  const HeadRows<const Real> q(in.q, s.queries, s), d_out(in.d_out, s.queries, s),
      k(in.k, s.keys, s), v(in.v, s.keys, s);
  const Shared<kDim> shared;
  const int first = static_cast<int>(blockIdx.y) * kRows<kDim>;
  const int own = static_cast<int>(threadIdx.x) / kWarp * kWarpRows;
  const int slice = static_cast<int>(blockIdx.z), slices = static_cast<int>(gridDim.z);
  const Index at_query = blockIdx.x * Index(s.queries);

  Fragment<kDim> k_sums, v_sums;
  for (int query = 0; query < s.queries; query += kTile) {
    Fragment<kTile> p, dp;  // transposed: keys by queries
    for (int i = 1; i <= slices; ++i) {
      const int column = (slice + i) % slices * kDim;
      __syncthreads();
      if (slices > 1 || query == 0) {
        load_rows<Math, kRows<kDim>, kDim>(shared.own_a, k, first, column, s);
        load_rows<Math, kRows<kDim>, kDim>(shared.own_b, v, first, column, s);
      }
      load_rows<Math, kTile, kDim>(shared.tile_a, q, query, column, s);
      load_rows<Math, kTile, kDim>(shared.tile_b, d_out, query, column, s);
      if (const int j = static_cast<int>(threadIdx.x); j < kTile) {
        const bool inside = query + j < s.queries;
        shared.logsumexp[j] = inside ? in.logsumexp[at_query + query + j] : Real(0);
        shared.dot[j] = inside ? dot[at_query + query + j] : Real(0);
      }
      __syncthreads();
      Math::template add_transposed<kDim>(p, shared.own_a + own * kStride<kDim>, shared.tile_a);
      Math::template add_transposed<kDim>(dp, shared.own_b + own * kStride<kDim>, shared.tile_b);
    }
    for_each_element(
        [&](Real& probability, Real& gradient, int, int column) {
          probability = query + column < s.queries
                            ? exponential(s.scale * probability - shared.logsumexp[column])
                            : Real(0);  // (ATT.4)
          gradient = s.scale * probability * (gradient - shared.dot[column]);
        },
        p, dp);
    Math::template add_product<kDim>(v_sums, p, shared.tile_b);
    Math::template add_product<kDim>(k_sums, dp, shared.tile_a);
  }
  store_rows(HeadRows<Real>(dv, s.keys, s), v_sums, first + own, slice * kDim, s);
  store_rows(HeadRows<Real>(dk, s.keys, s), k_sums, first + own, slice * kDim, s);
}

}  // namespace

void attention_backward(Real* dq, Real* dk, Real* dv, const Real* d_out, const Real* q,
                        const Real* k, const Real* v, const Real* o, const Real* logsumexp,
                        const AttentionSizes& sizes) {
  if (sizes.batch * sizes.heads == 0) return;
  const HeadSizes s = head_sizes(sizes, rows_of_fours(sizes, d_out, q, k, v, o));
  const Operands in = {d_out, q, k, v, o, logsumexp};
  const Scratch<Real> dot(sizes.batch * sizes.heads * sizes.queries);
  with_products(s, [&](auto math, auto dim, int slices) {
    using Math = decltype(math);
    const auto launch_rows = [&](Index rows, auto kernel, auto... arguments) {
      if (rows == 0) return;
      launch(kernel, head_launch(sizes, rows, slices, kWarps<dim()>, Shared<dim()>::kNumbers),
             arguments..., in, s);
    };
    launch_rows(sizes.queries, attention_backward_queries_kernel<Math, dim()>, dq, dot.data());
    launch_rows(sizes.keys, attention_backward_keys_kernel<Math, dim()>, dk, dv,
                static_cast<const Real*>(dot.data()));
  });
}

}  // namespace ink::cuda
