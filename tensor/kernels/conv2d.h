// Two-dimensional convolution (cross-correlation) on NHWC images, zero padding.
#pragma once

#include "tensor/kernels/real.h"

namespace ink {

class PackedWeights;

// The weights of a layer. A kernel may keep what it makes of them in `packed`, unless that is null.
struct Weight {
  Weight(const Real* weight, PackedWeights* kept = nullptr)  // NOLINT: reads as a pointer
      : data(weight), packed(kept) {}

  const Real* data;
  PackedWeights* packed;
};

// x (n, h, w, c_in), weight (c_out, kernel_h, kernel_w, c_in), y (n, out_h(), out_w(), c_out).
struct Conv2dSizes {
  Index n;
  Index h;
  Index w;
  Index c_in;
  Index c_out;
  Index kernel_h;
  Index kernel_w;
  Index stride;
  Index padding;

  // (CONV.7)
  HD Index out_h() const { return (h + 2 * padding - kernel_h) / stride + 1; }
  HD Index out_w() const { return (w + 2 * padding - kernel_w) / stride + 1; }
};

// What is added to the result while it is still in registers; null pointers add nothing.
struct Conv2dEpilogue {
  const Real* bias = nullptr;        // (c_out)
  const Real* image_bias = nullptr;  // (n, c_out), one row per image: the time embedding
  const Real* residual = nullptr;    // shaped as y
};

namespace cpu {
// y[n, i, j, o] = sum_{u, v, c} x[n, i s + u - p, j s + v - p, c] weight[o, u, v, c] + epilogue
// (CONV.1)
void conv2d_forward(Real* y, const Real* x, const Weight& weight, const Conv2dEpilogue& epilogue,
                    const Conv2dSizes& sizes);
// dx: the transpose of the map x -> y, applied to dy. (CONV.3)
void conv2d_backward_data(Real* dx, const Real* dy, const Real* weight, const Conv2dSizes& sizes);
// dweight[o, u, v, c] = sum over pixels of dy x (CONV.2); dbias (c_out) = sum over pixels of dy
// (CONV.8), skipped when null.
void conv2d_backward_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                            const Conv2dSizes& sizes);
}  // namespace cpu
namespace cuda {
void conv2d_forward(Real* y, const Real* x, const Weight& weight, const Conv2dEpilogue& epilogue,
                    const Conv2dSizes& sizes);
void conv2d_backward_data(Real* dx, const Real* dy, const Real* weight, const Conv2dSizes& sizes);
void conv2d_backward_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                            const Conv2dSizes& sizes);
}  // namespace cuda

}  // namespace ink
