#include "tensor/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tensor/cpu/parallel.h"
#include "tensor/cpu/scratch.h"
#include "tensor/cpu/simd.h"
#include "tensor/kernels/math.h"

namespace ink::cpu {

namespace {

// Queries and keys per block of scores: 16 KiB of them in float, which stay in the L1 cache.
constexpr Index kBlock = 64;

// Vectors of sums that a small matrix product keeps in registers.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kSums = 24;
#else
constexpr int kSums = 12;
#endif

Index round_up(Index n, Index multiple) { return (n + multiple - 1) / multiple * multiple; }

// ---- small matrix products
// ------------------------------------------------------------------------

// The left factor: element (row, depth) stands at data[row * row_stride + depth * depth_stride].
struct Left {
  const Real* data;
  Index row_stride;
  Index depth_stride;

  Left below(Index rows) const { return {data + rows * row_stride, row_stride, depth_stride}; }
};

// The right factor and the result: rows of whole vectors, `stride` apart.
struct Right {
  const Real* data;
  Index stride;
};
struct Result {
  Real* data;
  Index stride;

  Result below(Index rows) const { return {data + rows * stride, stride}; }
};

// c += a b for kRows rows and kVectors vectors of columns.
template <int kRows, int kVectors>
void multiply_tile(Result c, Left a, Right b, Index depth) {
  Vector sum[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) sum[r][v] = load(c.data + r * c.stride + v * kLanes);
  }
  for (Index k = 0; k < depth; ++k) {
    Vector right[kVectors];
    for (int v = 0; v < kVectors; ++v) right[v] = load(b.data + k * b.stride + v * kLanes);
    for (int r = 0; r < kRows; ++r) {
      const Vector left = splat(a.data[r * a.row_stride + k * a.depth_stride]);
      for (int v = 0; v < kVectors; ++v) sum[r][v] += left * right[v];
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) store(c.data + r * c.stride + v * kLanes, sum[r][v]);
  }
}

// c += a b for kVectors vectors of columns: as many tiles of kRows rows as fit, then smaller ones.
template <int kRows, int kVectors>
void multiply_rows(Result c, Left a, Right b, Index rows, Index depth) {
  Index r = 0;
  for (; r + kRows <= rows; r += kRows) {
    multiply_tile<kRows, kVectors>(c.below(r), a.below(r), b, depth);
  }
  if constexpr (kRows > 1) {
    if (r < rows) multiply_rows<kRows / 2, kVectors>(c.below(r), a.below(r), b, rows - r, depth);
  }
}

// c (rows, columns) += a (rows, depth) b (depth, columns); columns are a multiple of kLanes.
void multiply_add(Result c, Left a, Right b, Index rows, Index columns, Index depth) {
  Index j = 0;
  const auto panel = [&]<int kVectors>() {
    for (; j + kVectors * kLanes <= columns; j += kVectors * kLanes) {
      multiply_rows<std::min(kSums / kVectors, 12), kVectors>({c.data + j, c.stride}, a,
                                                              {b.data + j, b.stride}, rows, depth);
    }
  };
  panel.template operator()<4>();
  panel.template operator()<2>();
  panel.template operator()<1>();
}

// ---- rows of heads
// --------------------------------------------------------------------------------

// packed (rows, width) = source (rows, head_dim), filled up with zeros.
void pack(Real* packed, const Real* source, Index rows, Index stride, Index head_dim, Index width) {
  for (Index r = 0; r < rows; ++r) {
    std::copy(source + r * stride, source + r * stride + head_dim, packed + r * width);
    std::fill(packed + r * width + head_dim, packed + (r + 1) * width, Real(0));
  }
}

// packed (blocks, head_dim, kBlock) = the transpose of each block of source, filled up with zeros.
void pack_transposed(Real* packed, const Real* source, Index rows, Index stride, Index head_dim) {
  for (Index first = 0; first < rows; first += kBlock) {
    const Index count = std::min(kBlock, rows - first);
    for (Index d = 0; d < head_dim; ++d) {
      Real* column = packed + (first * head_dim + d * kBlock);
      for (Index r = 0; r < count; ++r) column[r] = source[(first + r) * stride + d];
      std::fill(column + count, column + kBlock, Real(0));
    }
  }
}

// target (rows, head_dim) = packed (rows, width)
void unpack(Real* target, const Real* packed, Index rows, Index stride, Index head_dim,
            Index width) {
  for (Index r = 0; r < rows; ++r) {
    std::copy(packed + r * width, packed + r * width + head_dim, target + r * stride);
  }
}

// ---- forward
// --------------------------------------------------------------------------------------

// One head of one image: its part of each operand, and how far apart the rows of the operands are.
struct Head {
  Index queries, keys, dim;
  Index stride;
  Index width;  // dim rounded up to whole vectors
  Real scale;
};

// Turns one row of scaled scores into exp(score - largest so far): returns their sum, sets
// `largest`, and `shrink`, by which what was summed under the old largest must be multiplied.
// (ATT.3)
Real online_softmax(Real* score, Index columns, Real& largest, Real& shrink) {
  Vector lanes = load(score);
  for (Index j = kLanes; j < columns; j += kLanes) lanes = maximum(load(score + j), lanes);
  const Real before = largest;
  const Real now = std::max(before, maximum(lanes));
  Real sum = 0;
#pragma omp simd reduction(+ : sum)
  for (Index j = 0; j < columns; ++j) {
    score[j] = exponential(score[j] - now);
    sum += score[j];
  }
  largest = now;
  shrink = exponential(before - now);
  return sum;
}

// The scores of a block of queries and one of keys: scale q k^T, columns beyond the keys -inf.
Index score_block(Real* score, const Real* q, const Real* k_transposed, Index queries, Index keys,
                  const Head& head) {
  const Index columns = round_up(keys, kLanes);
  std::fill(score, score + queries * kBlock, Real(0));
  multiply_add({score, kBlock}, {q, head.stride, 1}, {k_transposed, kBlock}, queries, columns,
               head.dim);
  for (Index i = 0; i < queries; ++i) {
    Real* row = score + i * kBlock;
    for (Index j = 0; j < columns; ++j) row[j] *= head.scale;
    std::fill(row + keys, row + columns, -std::numeric_limits<Real>::infinity());
  }
  return columns;
}

// A block of queries against all keys.
void forward_block(Real* o, Real* logsumexp, const Real* q, const Real* k_transposed, const Real* v,
                   Real* sum_v, Index queries, const Head& head) {
  alignas(64) Real score[kBlock * kBlock];
  Real largest[kBlock], total[kBlock];
  std::fill(largest, largest + queries, -std::numeric_limits<Real>::infinity());
  std::fill(total, total + queries, Real(0));
  std::fill(sum_v, sum_v + queries * head.width, Real(0));
  for (Index first = 0; first < head.keys; first += kBlock) {
    const Index keys = std::min(kBlock, head.keys - first);
    const Index columns =
        score_block(score, q, k_transposed + first * head.dim, queries, keys, head);
    for (Index i = 0; i < queries; ++i) {
      Real shrink;
      const Real sum = online_softmax(score + i * kBlock, columns, largest[i], shrink);
      total[i] = total[i] * shrink + sum;
      Real* row = sum_v + i * head.width;
      for (Index d = 0; first > 0 && d < head.width; ++d) row[d] *= shrink;
    }
    multiply_add({sum_v, head.width}, {score, kBlock, 1}, {v + first * head.width, head.width},
                 queries, head.width, keys);
  }
  for (Index i = 0; i < queries; ++i) {
    const Real scale = 1 / total[i];
    for (Index d = 0; d < head.dim; ++d) o[i * head.stride + d] = sum_v[i * head.width + d] * scale;
    logsumexp[i] = largest[i] + std::log(total[i]);
  }
}

// Calls body(head, first element of the head in the queries, in the keys, number) for every head of
// every image.
template <class Body>
void for_heads(const AttentionSizes& sizes, const Body& body) {
  const Index stride = sizes.heads * sizes.head_dim;
  const Head head = {
      sizes.queries, sizes.keys, sizes.head_dim, stride, round_up(sizes.head_dim, kLanes),
      sizes.scale};
  parallel_blocks(sizes.batch * sizes.heads, 1, [&](Index number, Index) {
    const Index image = number / sizes.heads;
    const Index column = number % sizes.heads * sizes.head_dim;
    body(head, image * sizes.queries * stride + column, image * sizes.keys * stride + column,
         number);
  });
}

}  // namespace

void attention_forward(Real* o, Real* logsumexp, const Real* q, const Real* k, const Real* v,
                       const AttentionSizes& sizes) {
  for_heads(sizes, [&](const Head& head, Index at_query, Index at_key, Index number) {
    const Index padded = round_up(head.keys, kBlock);
    const Scratch<Real> k_transposed(padded * head.dim);
    const Scratch<Real> v_packed(head.keys * head.width);
    const Scratch<Real> sum_v(kBlock * head.width);
    pack_transposed(k_transposed.data(), k + at_key, head.keys, head.stride, head.dim);
    pack(v_packed.data(), v + at_key, head.keys, head.stride, head.dim, head.width);
    for (Index first = 0; first < head.queries; first += kBlock) {
      const Index offset = at_query + first * head.stride;
      forward_block(o + offset, logsumexp + number * head.queries + first, q + offset,
                    k_transposed.data(), v_packed.data(), sum_v.data(),
                    std::min(kBlock, head.queries - first), head);
    }
  });
}

// ---- backward
// -------------------------------------------------------------------------------------

namespace {

// The working memory of the backward pass of one head.
struct BackwardBuffers {
  Scratch<Real> q, d_out, dq;                // (queries, width)
  Scratch<Real> k, dk, dv;                   // (keys, width)
  Scratch<Real> k_transposed, v_transposed;  // (blocks, dim, kBlock)
  Scratch<Real> dot;                         // (queries): D = rowsum(do o)

  explicit BackwardBuffers(const Head& head)
      : q(head.queries * head.width),
        d_out(head.queries * head.width),
        dq(head.queries * head.width),
        k(head.keys * head.width),
        dk(head.keys * head.width),
        dv(head.keys * head.width),
        k_transposed(round_up(head.keys, kBlock) * head.dim),
        v_transposed(round_up(head.keys, kBlock) * head.dim),
        dot(head.queries) {}
};

// One block of queries against one of keys. (ATT.5)
void backward_block(const BackwardBuffers& buffers, const Real* q, const Real* d_out,
                    const Real* logsumexp, Index first_query, Index first_key, const Head& head) {
  alignas(64) Real p[kBlock * kBlock];
  alignas(64) Real ds[kBlock * kBlock];
  const Index queries = std::min(kBlock, head.queries - first_query);
  const Index keys = std::min(kBlock, head.keys - first_key);
  const Index width = head.width;
  const Index query_row = first_query * width, key_row = first_key * width;

  const Index columns =
      score_block(p, q + first_query * head.stride,
                  buffers.k_transposed.data() + first_key * head.dim, queries, keys, head);
  std::fill(ds, ds + queries * kBlock, Real(0));
  multiply_add({ds, kBlock}, {d_out + first_query * head.stride, head.stride, 1},
               {buffers.v_transposed.data() + first_key * head.dim, kBlock}, queries, columns,
               head.dim);
  for (Index i = 0; i < queries; ++i) {
    Real* p_row = p + i * kBlock;
    Real* ds_row = ds + i * kBlock;
    const Real lse = logsumexp[first_query + i];
    const Real dot = buffers.dot[first_query + i];
#pragma omp simd
    for (Index j = 0; j < columns; ++j) {
      p_row[j] = exponential(p_row[j] - lse);
      ds_row[j] = p_row[j] * (ds_row[j] - dot) * head.scale;
    }
  }
  multiply_add({buffers.dv.data() + key_row, width}, {p, 1, kBlock},
               {buffers.d_out.data() + query_row, width}, keys, width, queries);
  multiply_add({buffers.dk.data() + key_row, width}, {ds, 1, kBlock},
               {buffers.q.data() + query_row, width}, keys, width, queries);
  multiply_add({buffers.dq.data() + query_row, width}, {ds, kBlock, 1},
               {buffers.k.data() + key_row, width}, queries, width, keys);
}

}  // namespace

void attention_backward(Real* dq, Real* dk, Real* dv, const Real* d_out, const Real* q,
                        const Real* k, const Real* v, const Real* o, const Real* logsumexp,
                        const AttentionSizes& sizes) {
  for_heads(sizes, [&](const Head& head, Index at_query, Index at_key, Index number) {
    const BackwardBuffers buffers(head);
    const Index dim = head.dim, stride = head.stride, width = head.width;
    pack(buffers.q.data(), q + at_query, head.queries, stride, dim, width);
    pack(buffers.d_out.data(), d_out + at_query, head.queries, stride, dim, width);
    pack(buffers.k.data(), k + at_key, head.keys, stride, dim, width);
    pack_transposed(buffers.k_transposed.data(), k + at_key, head.keys, stride, dim);
    pack_transposed(buffers.v_transposed.data(), v + at_key, head.keys, stride, dim);
    std::fill(buffers.dq.data(), buffers.dq.data() + head.queries * width, Real(0));
    std::fill(buffers.dk.data(), buffers.dk.data() + head.keys * width, Real(0));
    std::fill(buffers.dv.data(), buffers.dv.data() + head.keys * width, Real(0));
    for (Index i = 0; i < head.queries; ++i) {
      const Real* d_row = d_out + at_query + i * stride;
      const Real* o_row = o + at_query + i * stride;
      Real sum = 0;
#pragma omp simd reduction(+ : sum)
      for (Index d = 0; d < dim; ++d) sum += d_row[d] * o_row[d];
      buffers.dot[i] = sum;
    }
    for (Index key = 0; key < head.keys; key += kBlock) {
      for (Index query = 0; query < head.queries; query += kBlock) {
        backward_block(buffers, q + at_query, d_out + at_query, logsumexp + number * head.queries,
                       query, key, head);
      }
    }
    unpack(dq + at_query, buffers.dq.data(), head.queries, stride, dim, width);
    unpack(dk + at_key, buffers.dk.data(), head.keys, stride, dim, width);
    unpack(dv + at_key, buffers.dv.data(), head.keys, stride, dim, width);
  });
}

}  // namespace ink::cpu
