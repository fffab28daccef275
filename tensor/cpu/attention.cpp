#include "tensor/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>

#include "tensor/cpu/parallel.h"
#include "tensor/cpu/register_tile.h"
#include "tensor/cpu/scratch.h"
#include "tensor/cpu/simd.h"
#include "tensor/kernels/math.h"

// Scores are computed transposed, keys by queries, so that each query has a lane of its own: the
// maxima and sums of the softmax run along the keys, from vector to vector, and never across a
// vector.

namespace ink::cpu {

namespace {

// Queries and keys per block of scores: 16 KiB of them in float, which stay in the L1 cache.
constexpr Index kBlock = 64;

// ---- small matrix products ---------------------------------------------------------------------

// The left factor: element (row, depth) stands at data[row * row_stride + depth * depth_stride].
struct Left {
  const Real* data;
  Index row_stride;
  static constexpr Index depth_stride = 1;
};
// A block of scores: with constant strides a tile needs no register for each of its rows.
struct Block {
  const Real* data;
  static constexpr Index row_stride = kBlock, depth_stride = 1;
};
struct TransposedBlock {
  const Real* data;
  static constexpr Index row_stride = 1, depth_stride = kBlock;
};

// The right factor, and the result: rows of whole vectors, `stride` apart.
struct Right {
  const Real* data;
  Index stride;
};
struct Result {
  Real* data;
  Index stride;
};

// One tile: c (Rows, Vectors) = a b, or c += a b when kAdd.
template <bool kAdd, int Rows, int Vectors, class A>
void multiply_tile(Result c, A a, Right b, Index depth) {
  Vector sum[Rows][Vectors] = {};
  if constexpr (kAdd) load_tile(sum, c.data, c.stride);
  accumulate<0, Rows>(sum, a.data, a.row_stride, a.depth_stride, b.data, b.stride, depth);
  store_tile({c.data, c.stride, Vectors * kLanes}, sum);
}

// The same for all rows and `Vectors` vectors of columns.
template <bool kAdd, int Vectors, class A>
void multiply_columns(Result c, A a, Right b, Index rows, Index depth) {
  constexpr int kMost = std::is_same_v<A, Left> ? strided_tile_rows(Vectors) : tile_rows(Vectors);
  for_each_tile<kMost>(rows, [&](auto height, Index first) {
    A tile = a;
    tile.data += first * a.row_stride;
    multiply_tile<kAdd, height, Vectors>({c.data + first * c.stride, c.stride}, tile, b, depth);
  });
}

// c (rows, columns) = a (rows, depth) b (depth, columns), or += when kAdd; columns fill whole
// vectors.
template <bool kAdd, class A>
void multiply(Result c, A a, Right b, Index rows, Index columns, Index depth) {
  Index left = columns / kLanes;
  const auto columns_of = [&]<int Vectors>(std::integral_constant<int, Vectors>) {
    for (; left >= Vectors; left -= Vectors) {
      multiply_columns<kAdd, Vectors>(c, a, b, rows, depth);
      c.data += Vectors * kLanes;
      b.data += Vectors * kLanes;
    }
  };
  columns_of(std::integral_constant<int, 4>{});
  columns_of(std::integral_constant<int, 2>{});
  columns_of(std::integral_constant<int, 1>{});
}

template <class A>
void multiply(bool add, Result c, A a, Right b, Index rows, Index columns, Index depth) {
  (add ? multiply<true, A> : multiply<false, A>)(c, a, b, rows, columns, depth);
}

// ---- the rows of a head ------------------------------------------------------------------------

// The sizes of one head. Its rows stand `stride` apart in the operands; `width` is dim rounded up
// to whole vectors.
struct Head {
  Index queries;
  Index keys;
  Index dim;
  Index stride;
  Index width;
  Real scale;

  bool fills_vectors() const { return width == dim; }
};

// The rows of an operand as a right factor: the operand itself where heads fill whole vectors, else
// a copy filled up with zeros.
class InputRows {
 public:
  InputRows(const Real* source, Index rows, const Head& head)
      : copy_(head.fills_vectors() ? 0 : rows * head.width), data_(source), stride_(head.stride) {
    if (head.fills_vectors()) return;
    for (Index r = 0; r < rows; ++r) {
      Real* row = copy_.data() + r * head.width;
      std::copy_n(source + r * head.stride, head.dim, row);
      std::fill(row + head.dim, row + head.width, Real(0));
    }
    data_ = copy_.data();
    stride_ = head.width;
  }

  Right from(Index row) const { return {data_ + row * stride_, stride_}; }

 private:
  Scratch<Real> copy_;
  const Real* data_;
  Index stride_;
};

// The rows of a gradient as a result: the gradient itself where heads fill whole vectors, else a
// wider array that is copied at the end.
class OutputRows {
 public:
  OutputRows(Real* target, Index rows, const Head& head)
      : wide_(head.fills_vectors() ? 0 : rows * head.width),
        target_(target),
        rows_(rows),
        head_(head) {}
  ~OutputRows() {
    if (head_.fills_vectors()) return;
    for (Index r = 0; r < rows_; ++r) {
      std::copy_n(wide_.data() + r * head_.width, head_.dim, target_ + r * head_.stride);
    }
  }
  OutputRows(const OutputRows&) = delete;
  OutputRows& operator=(const OutputRows&) = delete;

  Result from(Index row) const {
    if (head_.fills_vectors()) return {target_ + row * head_.stride, head_.stride};
    return {wide_.data() + row * head_.width, head_.width};
  }

 private:
  Scratch<Real> wide_;
  Real* target_;
  Index rows_;
  const Head& head_;
};

// A vector of a row from element d on, filled up with zeros.
Vector load_within(const Real* row, Index d, const Head& head) {
  const Index count = head.dim - d;
  return count >= kLanes ? load(row + d) : load_part(row + d, static_cast<int>(count));
}

// transposed (dim, kBlock) = the transpose of up to kBlock rows, filled up with zeros to whole
// vectors.
void transpose_block(Real* transposed, const Real* source, Index rows, const Head& head) {
  for (Index r = 0; r < rows; r += kLanes, source += kLanes * head.stride, transposed += kLanes) {
    for (Index d = 0; d < head.dim; d += kLanes) {
      if (r + kLanes <= rows && d + kLanes <= head.dim) {
        transpose_square(transposed + d * kBlock, source + d, kBlock, head.stride);
        continue;
      }
      Vector square[kLanes] = {};
      for (Index i = 0; i < kLanes && r + i < rows; ++i)
        square[i] = load_within(source + i * head.stride, d, head);
      transpose(square);
      for (Index i = 0; i < kLanes && d + i < head.dim; ++i)
        store(transposed + (d + i) * kBlock, square[i]);
    }
  }
}

// dot[i] = the product of row i of `a` and of `b`, up to kBlock of them, each in a lane of its own:
// its partial sums are transposed, for to add the lanes of one vector takes longer.
void multiply_rows(Real* dot, const Real* a, const Real* b, Index rows, const Head& head) {
  for (Index r = 0; r < rows; r += kLanes) {
    Vector partial[kLanes] = {};
    for (Index i = 0; i < kLanes && r + i < rows; ++i) {
      const Index row = (r + i) * head.stride;
      for (Index d = 0; d < head.dim; d += kLanes)
        partial[i] += load_within(a + row, d, head) * load_within(b + row, d, head);
    }
    transpose(partial);
    for (int i = 1; i < kLanes; ++i) partial[0] += partial[i];
    store(dot + r, partial[0]);
  }
}

// score (keys, kBlock) = rows (keys, dim) times a transposed block of as many columns as `columns`.
void multiply_transposed(Real* score, const Real* rows, const Real* transposed, Index keys,
                         Index columns, const Head& head) {
  multiply<false>({score, kBlock}, Left{rows, head.stride}, {transposed, kBlock}, keys, columns,
                  head.dim);
}

// Asks for the rows of a head. (Always inlined: GCC would take the function for one without
// effect.)
[[gnu::always_inline]] inline void prefetch_rows(const Real* rows, Index count, const Head& head) {
  for (Index r = 0; r < count; ++r)
    for (Index d = 0; d < head.dim; d += kCacheLine)
      __builtin_prefetch(rows + r * head.stride + d, 0, 2);
}

// Calls body(head, first element of the head among the queries, among the keys, its number) for
// every head of every image, whose successor is fetched meanwhile: its short rows lie too far apart
// for the hardware to foresee.
template <class Body>
void for_heads(const AttentionSizes& sizes, std::initializer_list<const Real*> of_queries,
               std::initializer_list<const Real*> of_keys, const Body& body) {
  const Index stride = sizes.heads * sizes.head_dim, all = sizes.batch * sizes.heads;
  const Head head = {
      sizes.queries, sizes.keys, sizes.head_dim, stride, padded_columns(sizes.head_dim),
      sizes.scale};
  const auto first_element = [&](Index number, Index rows) {
    return number / sizes.heads * rows * stride + number % sizes.heads * sizes.head_dim;
  };
  parallel_blocks(all, 1, [&](Index number, Index) {
    const Index next = std::min(number + 1, all - 1);
    const Index next_query = first_element(next, sizes.queries),
                next_key = first_element(next, sizes.keys);
    for (const Real* array : of_queries) prefetch_rows(array + next_query, sizes.queries, head);
    for (const Real* array : of_keys) prefetch_rows(array + next_key, sizes.keys, head);
    body(head, first_element(number, sizes.queries), first_element(number, sizes.keys), number);
  });
}

// ---- forward -----------------------------------------------------------------------------------

// The largest score of each query so far, and its sum of exp(score - largest).
struct OnlineSoftmax {
  alignas(64) Real largest[kBlock];
  alignas(64) Real sum[kBlock];
  alignas(64) Real shrink[kBlock];  // by which the last block of keys shrank what came before

  OnlineSoftmax() {
    std::fill(largest, largest + kBlock, -std::numeric_limits<Real>::infinity());
    std::fill(sum, sum + kBlock, Real(0));
  }

  // score (keys, kBlock) becomes exp(scale score - largest). (ATT.3)
  void add(Real* score, Index keys, Index columns, Real scale) {
    alignas(64) Real before[kBlock];
    std::copy(largest, largest + kBlock, before);
    for (Index k = 0; k < keys; ++k) {
      const Real* row = score + k * kBlock;
#pragma omp simd
      for (Index i = 0; i < columns; ++i) {
        const Real s = scale * row[i];
        largest[i] = s > largest[i] ? s : largest[i];
      }
    }
#pragma omp simd
    for (Index i = 0; i < columns; ++i) {
      shrink[i] = exponential(before[i] - largest[i]);
      sum[i] *= shrink[i];
    }
    for (Index k = 0; k < keys; ++k) {
      Real* row = score + k * kBlock;
#pragma omp simd
      for (Index i = 0; i < columns; ++i) {
        row[i] = exponential(scale * row[i] - largest[i]);
        sum[i] += row[i];
      }
    }
  }
};

// A block of queries against all keys.
void forward_block(Real* o, Real* logsumexp, const Real* q, const Real* k, const InputRows& v,
                   Index queries, const Head& head) {
  alignas(64) Real score[kBlock * kBlock];
  const Scratch<Real> q_transposed(head.dim * kBlock);
  const Scratch<Real> weighted(kBlock * head.width);  // sums of v, weighted by exp(score - largest)
  const Index columns = padded_columns(queries);
  transpose_block(q_transposed.data(), q, queries, head);
  OnlineSoftmax softmax;
  for (Index first = 0; first < head.keys; first += kBlock) {
    const Index keys = std::min(kBlock, head.keys - first);
    multiply_transposed(score, k + first * head.stride, q_transposed.data(), keys, columns, head);
    softmax.add(score, keys, columns, head.scale);
    for (Index i = 0; first > 0 && i < queries; ++i) {
      for (Index d = 0; d < head.width; ++d) weighted[i * head.width + d] *= softmax.shrink[i];
    }
    multiply(first > 0, {weighted.data(), head.width}, TransposedBlock{score}, v.from(first),
             queries, head.width, keys);
  }
  for (Index i = 0; i < queries; ++i) {
    const Real scale = 1 / softmax.sum[i];
    for (Index d = 0; d < head.dim; ++d) {
      o[i * head.stride + d] = weighted[i * head.width + d] * scale;  // (ATT.1)
    }
    logsumexp[i] = softmax.largest[i] + std::log(softmax.sum[i]);  // (ACT.7)
  }
}

}  // namespace

void attention_forward(Real* o, Real* logsumexp, const Real* q, const Real* k, const Real* v,
                       const AttentionSizes& sizes) {
  for_heads(sizes, {q}, {k, v}, [&](const Head& head, Index at_query, Index at_key, Index number) {
    const InputRows v_rows(v + at_key, head.keys, head);
    for (Index first = 0; first < head.queries; first += kBlock) {
      const Index offset = at_query + first * head.stride;
      forward_block(o + offset, logsumexp + number * head.queries + first, q + offset, k + at_key,
                    v_rows, std::min(kBlock, head.queries - first), head);
    }
  });
}

// ---- backward ----------------------------------------------------------------------------------

namespace {

// The operands and results of the backward pass of one head.
struct BackwardHead {
  const Real *k, *v;
  InputRows q_rows, d_out_rows, k_rows;
  OutputRows dq, dk, dv;
};

// What the backward pass needs of each of a block of queries.
struct QueryBlock {
  Index queries;
  Index columns;                             // queries rounded up to whole vectors
  Scratch<Real> q_transposed, d_transposed;  // (dim, kBlock)
  alignas(64) Real logsumexp[kBlock] = {};
  alignas(64) Real dot[kBlock] = {};  // D = rowsum(do o)

  QueryBlock(const Real* q, const Real* d_out, const Real* o, const Real* lse, Index count,
             const Head& head)
      : queries(count),
        columns(padded_columns(count)),
        q_transposed(head.dim * kBlock),
        d_transposed(head.dim * kBlock) {
    transpose_block(q_transposed.data(), q, queries, head);
    transpose_block(d_transposed.data(), d_out, queries, head);
    std::copy_n(lse, queries, logsumexp);
    multiply_rows(dot, d_out, o, queries, head);  // (ATT.6)
  }
};

// One block of queries against one of keys. (ATT.5)
void backward_block(const BackwardHead& operands, const QueryBlock& block, Index first_query,
                    Index first_key, const Head& head) {
  alignas(64) Real p[kBlock * kBlock];  // (keys, queries)
  alignas(64) Real ds[kBlock * kBlock];
  const Index keys = std::min(kBlock, head.keys - first_key);
  const Index at_key = first_key * head.stride;
  multiply_transposed(p, operands.k + at_key, block.q_transposed.data(), keys, block.columns, head);
  multiply_transposed(ds, operands.v + at_key, block.d_transposed.data(), keys, block.columns,
                      head);
  for (Index k = 0; k < keys; ++k) {
    Real* p_row = p + k * kBlock;
    Real* ds_row = ds + k * kBlock;
#pragma omp simd
    for (Index i = 0; i < block.columns; ++i) {
      p_row[i] = exponential(head.scale * p_row[i] - block.logsumexp[i]);  // (ATT.4)
      ds_row[i] = head.scale * p_row[i] * (ds_row[i] - block.dot[i]);
    }
  }
  const Index width = head.width;
  multiply(first_query > 0, operands.dv.from(first_key), Block{p},
           operands.d_out_rows.from(first_query), keys, width, block.queries);
  multiply(first_query > 0, operands.dk.from(first_key), Block{ds},
           operands.q_rows.from(first_query), keys, width, block.queries);
  multiply(first_key > 0, operands.dq.from(first_query), TransposedBlock{ds},
           operands.k_rows.from(first_key), block.queries, width, keys);
}

}  // namespace

void attention_backward(Real* dq, Real* dk, Real* dv, const Real* d_out, const Real* q,
                        const Real* k, const Real* v, const Real* o, const Real* logsumexp,
                        const AttentionSizes& sizes) {
  for_heads(sizes, {q, d_out, o}, {k, v},
            [&](const Head& head, Index at_query, Index at_key, Index number) {
              const BackwardHead operands = {k + at_key,
                                             v + at_key,
                                             {q + at_query, head.queries, head},
                                             {d_out + at_query, head.queries, head},
                                             {k + at_key, head.keys, head},
                                             {dq + at_query, head.queries, head},
                                             {dk + at_key, head.keys, head},
                                             {dv + at_key, head.keys, head}};
              for (Index query = 0; query < head.queries; query += kBlock) {
                const Index at = at_query + query * head.stride;
                const QueryBlock block(q + at, d_out + at, o + at,
                                       logsumexp + number * head.queries + query,
                                       std::min(kBlock, head.queries - query), head);
                for (Index key = 0; key < head.keys; key += kBlock) {
                  backward_block(operands, block, query, key, head);
                }
              }
            });
}

}  // namespace ink::cpu
