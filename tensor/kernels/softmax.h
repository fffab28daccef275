// Softmax over the rows of a matrix.
#pragma once

#include "tensor/kernels/real.h"

namespace ink {

struct SoftmaxSizes {
  Index rows;
  Index columns;
};

namespace cpu {
// y[r, :] = exp(x[r, :] - max) / sum (ACT.5)
void softmax_forward(Real* y, const Real* x, const SoftmaxSizes& sizes);
// dx = y (dy - <dy, y>) in each row (ACT.6)
void softmax_backward(Real* dx, const Real* dy, const Real* y, const SoftmaxSizes& sizes);
}  // namespace cpu
namespace cuda {
void softmax_forward(Real* y, const Real* x, const SoftmaxSizes& sizes);
void softmax_backward(Real* dx, const Real* dy, const Real* y, const SoftmaxSizes& sizes);
}  // namespace cuda

}  // namespace ink
