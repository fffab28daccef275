#include "tensor/kernels/conv2d.h"

#include "cuda/product.cuh"
#include "cuda/window.h"
#include "tensor/kernels/gemm.h"

namespace ink::cuda {
namespace {

// y = window of x times weight^T: rows are pixels of y, k counts taps and their channels. (CONV.1)
template <int kWidth>
struct ForwardProduct {
  static constexpr int kVector = kWidth;

  WindowView x;
  MatrixView weight;
  OutputRows y;

  __device__ auto product(int) const {
    return Product<Operand<WindowView, Along::k, kWidth>, Operand<MatrixView, Along::k, kWidth>,
                   OutputRows>{{x}, {weight}, y, x.lines, weight.lines, 0, x.columns};
  }
};

}  // namespace

void conv2d_forward(Real* y, const Real* x, const Weight& weight, const Conv2dEpilogue& epilogue,
                    const Conv2dSizes& s) {
  if (is_matrix_product(s) && epilogue.image_bias == nullptr) {
    gemm(y, x, weight.data, {epilogue.bias, epilogue.residual},
         {.m = s.n * s.h * s.w, .n = s.c_out, .k = s.c_in, .transpose_b = true});
    return;
  }
  const Index taps = s.kernel_h * s.kernel_w * s.c_in, pixels = s.n * s.out_h() * s.out_w();
  const bool rows_aligned = s.c_out % 4 == 0 && aligned(y, epilogue.residual);
  const WindowView window = forward_window(x, s);
  const MatrixView matrix{weight.data, narrow(s.c_out), narrow(taps), narrow(taps)};
  const OutputRows rows{y,
                        narrow(s.c_out),
                        rows_aligned,
                        epilogue.bias,
                        epilogue.image_bias,
                        epilogue.residual,
                        Divisor(s.out_h() * s.out_w())};
  if (s.c_in % 4 == 0 && aligned(x, weight.data))
    multiply(ForwardProduct<4>{window, matrix, rows}, pixels, s.c_out, 1);
  else
    multiply(ForwardProduct<1>{window, matrix, rows}, pixels, s.c_out, 1);
}

}  // namespace ink::cuda
