// The images of a convolution as matrices.
#pragma once

#include "cuda/product.cuh"
#include "tensor/kernels/conv2d.h"

namespace ink::cuda {

// A 1x1 convolution of every pixel is a matrix product over the pixels.
inline bool is_matrix_product(const Conv2dSizes& s) {
  return s.kernel_h == 1 && s.kernel_w == 1 && s.stride == 1 && s.padding == 0;
}

// x (pixels of y, taps and channels) as the convolution sees it. (CONV.1)
inline WindowView forward_window(const Real* x, const Conv2dSizes& s) {
  const int origin = -narrow(s.padding);
  return {.data = x,
          .h = narrow(s.h),
          .w = narrow(s.w),
          .channels = narrow(s.c_in),
          .image = narrow(s.h * s.w * s.c_in),
          .lines = narrow(s.n * s.out_h() * s.out_w()),
          .grid_pixels = Divisor(s.out_h() * s.out_w()),
          .grid_w = Divisor(s.out_w()),
          .step = narrow(s.stride),
          .origin_h = origin,
          .origin_w = origin,
          .columns = narrow(s.kernel_h * s.kernel_w * s.c_in),
          .tap_channels = Divisor(s.c_in),
          .taps_w = Divisor(s.kernel_w),
          .turn = 1};
}

}  // namespace ink::cuda
