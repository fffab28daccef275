// General matrix product, batched.
#pragma once

#include "tensor/kernels/real.h"

namespace ink {

// C (batch, m, n) = A (batch, m, k) B (batch, k, n). With `transpose_a` the stored A is (k, m),
// with `transpose_b` the stored B is (n, k). All matrices are compact and row-major; a batch stride
// of 0 uses one matrix for the whole batch.
struct GemmSizes {
  Index batch = 1;
  Index m = 0;
  Index n = 0;
  Index k = 0;
  bool transpose_a = false;
  bool transpose_b = false;
  Index stride_a = 0;
  Index stride_b = 0;
  Index stride_c = 0;
};

// What is added to the product while it is still in registers; null pointers add nothing.
struct GemmEpilogue {
  const Real* bias = nullptr;      // (n), the same for every row
  const Real* residual = nullptr;  // shaped as C; may be C itself
};

namespace cpu {
void gemm(Real* c, const Real* a, const Real* b, const GemmEpilogue& epilogue,
          const GemmSizes& sizes);
}
namespace cuda {
void gemm(Real* c, const Real* a, const Real* b, const GemmEpilogue& epilogue,
          const GemmSizes& sizes);
}

}  // namespace ink
