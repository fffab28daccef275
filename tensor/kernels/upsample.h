// Nearest-neighbour upsampling by a whole factor, and its adjoint.
#pragma once

#include "tensor/kernels/real.h"

namespace ink {

// x (n, h, w, channels); y (n, h * factor, w * factor, channels).
struct UpsampleSizes {
  Index n;
  Index h;
  Index w;
  Index channels;
  Index factor;

  Index y_count() const { return n * h * w * channels * factor * factor; }
};

namespace cpu {
// y[n, i, j, c] = x[n, i / factor, j / factor, c] (CONV.5)
void upsample_forward(Real* y, const Real* x, const UpsampleSizes& sizes);
// dx = the sum of dy over each factor x factor block (CONV.6)
void upsample_backward(Real* dx, const Real* dy, const UpsampleSizes& sizes);
}  // namespace cpu
namespace cuda {
void upsample_forward(Real* y, const Real* x, const UpsampleSizes& sizes);
void upsample_backward(Real* dx, const Real* dy, const UpsampleSizes& sizes);
}  // namespace cuda

}  // namespace ink
