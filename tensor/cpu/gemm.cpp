#include "tensor/kernels/gemm.h"

#include "tensor/cpu/parallel.h"

namespace ink::cpu {

void gemm(Real* c, const Real* a, const Real* b, const GemmEpilogue& epilogue,
          const GemmSizes& sizes) {
  const Index m = sizes.m, n = sizes.n, k = sizes.k;
  const Index a_row = sizes.transpose_a ? 1 : k;
  const Index a_column = sizes.transpose_a ? m : 1;
  const Index b_row = sizes.transpose_b ? 1 : n;
  const Index b_column = sizes.transpose_b ? k : 1;
  parallel_blocks(sizes.batch * m, 8, [&](Index first, Index last) {
    for (Index row = first; row < last; ++row) {
      const Index i = row % m;
      const Real* a_i = a + row / m * sizes.stride_a + i * a_row;
      const Real* b_all = b + row / m * sizes.stride_b;
      for (Index j = 0; j < n; ++j) {
        Real sum = 0;
        for (Index q = 0; q < k; ++q) sum += a_i[q * a_column] * b_all[q * b_row + j * b_column];
        if (epilogue.bias != nullptr) sum += epilogue.bias[j];
        const Index at = row / m * sizes.stride_c + i * n + j;
        if (epilogue.residual != nullptr) sum += epilogue.residual[at];
        c[at] = sum;
      }
    }
  });
}

}  // namespace ink::cpu
