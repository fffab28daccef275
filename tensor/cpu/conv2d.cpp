#include "tensor/kernels/conv2d.h"

#include "tensor/cpu/conv2d_direct.h"
#include "tensor/cpu/conv2d_narrow.h"
#include "tensor/cpu/conv2d_weight.h"
#include "tensor/cpu/conv2d_winograd.h"
#include "tensor/kernels/gemm.h"

namespace ink::cpu {
namespace {

// A 1x1 convolution of every pixel is a matrix product over the pixels.
bool is_matrix_product(const Conv2dSizes& sizes) {
  return sizes.kernel_h == 1 && sizes.kernel_w == 1 && sizes.stride == 1 && sizes.padding == 0;
}

void convolve(Real* y, const Real* x, const Conv2dEpilogue& epilogue, const Conv2dMap& map) {
  if (suits_winograd(map.conv))
    convolve_winograd(y, x, epilogue, map);
  else
    convolve_direct(y, x, epilogue, map);
}

}  // namespace

void conv2d_forward(Real* y, const Real* x, const Weight& weight, const Conv2dEpilogue& epilogue,
                    const Conv2dSizes& s) {
  if (is_matrix_product(s) && epilogue.image_bias == nullptr)
    gemm(y, x, weight.data, {epilogue.bias, epilogue.residual},
         {.m = s.n * s.h * s.w, .n = s.c_out, .k = s.c_in, .transpose_b = true});
  else if (is_narrow(s))
    conv2d_narrow_forward(y, x, weight.data, epilogue, s);
  else
    convolve(y, x, epilogue, forward_map(weight, s));
}

// dx[n, r, q, c] = sum over the taps (u, v) and pixels (i, j) with i s + u - p = r, j s + v - p =
// q. (CONV.3)
void conv2d_backward_data(Real* dx, const Real* dy, const Real* weight, const Conv2dSizes& s) {
  if (is_matrix_product(s)) {
    gemm(dx, dy, weight, {}, {.m = s.n * s.h * s.w, .n = s.c_in, .k = s.c_out});
    return;
  }
  if (s.n * s.h * s.w == 0) return;
  if (s.stride == 1)
    convolve(dx, dy, {}, backward_map(weight, s, 0, 0));
  else
    backward_data_strided(dx, dy, weight, s);
}

void conv2d_backward_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                            const Conv2dSizes& s) {
  const DirectConv conv = forward_map(nullptr, s).conv;
  if (suits_winograd_weight(conv))
    conv2d_winograd_weight(dweight, dbias, x, dy, conv);
  else if (is_narrow(s))
    conv2d_narrow_weight(dweight, dbias, x, dy, s);
  else
    conv2d_direct_weight(dweight, dbias, x, dy, s);
}

}  // namespace ink::cpu
