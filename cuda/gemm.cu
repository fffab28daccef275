#include "tensor/kernels/gemm.h"

#include "cuda/chunks.h"
#include "cuda/product.cuh"
#include "cuda/scratch.h"

namespace ink::cuda {
namespace {

// The products of a batch, chunk by chunk.
template <Along kLeft, Along kRight, int kWidth>
struct GemmProducts {
  static constexpr int kVector = kWidth;

  MatrixView a, b;  // of the first matrices
  OutputRows c;
  Index stride_a, stride_b;
  int m, n, k;
  int depth;
  Divisor chunks;

  __device__ auto product(int index) const {
    const int matrix = chunks.quotient(index), chunk = index - matrix * chunks.value();
    Product<Operand<MatrixView, kLeft, kWidth>, Operand<MatrixView, kRight, kWidth>, OutputRows>
        product{{a}, {b}, c, m, n, chunk * depth, min(k, (chunk + 1) * depth)};
    product.left.view.data += matrix * stride_a;
    product.right.view.data += matrix * stride_b;
    product.output.index = index;
    return product;
  }
};

// The stored matrices as operands: lines along k, or along the rows of A (the columns of B).
template <Along kAlong>
MatrixView matrix(const Real* data, Index rows, Index k) {
  if constexpr (kAlong == Along::k) return {data, narrow(rows), narrow(k), narrow(k)};
  return {data, narrow(k), narrow(rows), narrow(rows)};
}
// Any of the two, one element at a time.
MatrixView strided(const Real* data, Index rows, Index k, Along along) {
  const bool along_k = along == Along::k;
  return {data, narrow(rows), narrow(k), along_k ? narrow(k) : 1, along_k ? 1 : narrow(rows)};
}

struct Task {
  OutputRows c;
  const Real *a, *b;
  Chunks cut;
  GemmSizes sizes;
};

template <Along kLeft, Along kRight, int kWidth>
void multiply_views(const Task& t, const MatrixView& a, const MatrixView& b) {
  const GemmSizes& s = t.sizes;
  multiply(GemmProducts<kLeft, kRight, kWidth>{a, b, t.c, s.stride_a, s.stride_b, narrow(s.m),
                                               narrow(s.n), narrow(s.k), narrow(t.cut.depth),
                                               Divisor(t.cut.count)},
           s.m, s.n, s.batch * t.cut.count);
}
template <Along kLeft, Along kRight>
void multiply_vectors(const Task& t) {
  const GemmSizes& s = t.sizes;
  multiply_views<kLeft, kRight, 4>(t, matrix<kLeft>(t.a, s.m, s.k), matrix<kRight>(t.b, s.n, s.k));
}

// Whether four neighbours at a time may be read from all matrices. The product of two transposed
// ones, of which no network is made, has no kernel of its own.
bool suits_vectors(const Task& t, Along left, Along right) {
  const GemmSizes& s = t.sizes;
  if (s.transpose_a && s.transpose_b) return false;
  const bool fours = (left == Along::k ? s.k : s.m) % 4 == 0 &&
                     (right == Along::k ? s.k : s.n) % 4 == 0 && s.stride_a % 4 == 0 &&
                     s.stride_b % 4 == 0;
  return fours && aligned(t.a, t.b);
}

void multiply_task(const Task& t) {
  using enum Along;
  const Along left = t.sizes.transpose_a ? rows : k, right = t.sizes.transpose_b ? k : rows;
  if (!suits_vectors(t, left, right))
    multiply_views<k, k, 1>(t, strided(t.a, t.sizes.m, t.sizes.k, left),
                            strided(t.b, t.sizes.n, t.sizes.k, right));
  else if (left == k)
    right == k ? multiply_vectors<k, k>(t) : multiply_vectors<k, rows>(t);
  else
    multiply_vectors<rows, rows>(t);
}

}  // namespace

// (MM.1)
void gemm(Real* c, const Real* a, const Real* b, const GemmEpilogue& epilogue, const GemmSizes& s) {
  const Chunks cut = cut_sum(s.m, s.n, s.k, s.batch);
  OutputRows to{.data = c, .n = narrow(s.n), .aligned = s.n % 4 == 0};
  if (cut.count == 1) {
    to.aligned = to.aligned && s.stride_c % 4 == 0 && aligned(c, epilogue.residual);
    to.bias = epilogue.bias;
    to.residual = epilogue.residual;
    to.stride = s.stride_c;
    multiply_task({to, a, b, cut, s});
    return;
  }
  const Index count = s.m * s.n;
  const Scratch<Real> partial(s.batch * cut.count * count);
  to.data = partial.data();
  to.stride = count;
  multiply_task({to, a, b, cut, s});
  add_chunks(c, {partial.data(), s.batch, cut.count, count, s.stride_c, s.n, epilogue.bias,
                 epilogue.residual});
}

}  // namespace ink::cuda
