#include "tensor/kernels/conv2d.h"

#include <algorithm>

#include "tensor/cpu/parallel.h"

namespace ink::cpu {

void conv2d_forward(Real* y, const Real* x, const Real* weight, const Conv2dEpilogue& epilogue,
                    const Conv2dSizes& sizes) {
  const Index n = sizes.n, h = sizes.h, w = sizes.w, c_in = sizes.c_in, c_out = sizes.c_out;
  const Index kernel_h = sizes.kernel_h, kernel_w = sizes.kernel_w;
  const Index stride = sizes.stride, padding = sizes.padding;
  const Index out_h = sizes.out_h(), out_w = sizes.out_w();
  parallel_blocks(n * out_h, 1, [&](Index row, Index) {
    const Index image = row / out_h, i = row % out_h;
    for (Index j = 0; j < out_w; ++j)
      for (Index o = 0; o < c_out; ++o) {
        Real sum = 0;
        for (Index u = 0; u < kernel_h; ++u)
          for (Index v = 0; v < kernel_w; ++v) {
            const Index r = i * stride + u - padding, q = j * stride + v - padding;
            if (r < 0 || r >= h || q < 0 || q >= w) continue;
            const Real* pixel = x + ((image * h + r) * w + q) * c_in;
            const Real* tap = weight + ((o * kernel_h + u) * kernel_w + v) * c_in;
            for (Index c = 0; c < c_in; ++c) sum += pixel[c] * tap[c];
          }
        const Index at = (row * out_w + j) * c_out + o;
        if (epilogue.bias != nullptr) sum += epilogue.bias[o];
        if (epilogue.image_bias != nullptr) sum += epilogue.image_bias[image * c_out + o];
        if (epilogue.residual != nullptr) sum += epilogue.residual[at];
        y[at] = sum;
      }
  });
}

void conv2d_backward_data(Real* dx, const Real* dy, const Real* weight, const Conv2dSizes& sizes) {
  const Index n = sizes.n, h = sizes.h, w = sizes.w, c_in = sizes.c_in, c_out = sizes.c_out;
  const Index kernel_h = sizes.kernel_h, kernel_w = sizes.kernel_w;
  const Index stride = sizes.stride, padding = sizes.padding;
  const Index out_h = sizes.out_h(), out_w = sizes.out_w();
  parallel_blocks(n, 1, [&](Index image, Index) {
    std::fill_n(dx + image * h * w * c_in, h * w * c_in, Real(0));
    for (Index i = 0; i < out_h; ++i)
      for (Index j = 0; j < out_w; ++j)
        for (Index o = 0; o < c_out; ++o) {
          const Real g = dy[((image * out_h + i) * out_w + j) * c_out + o];
          for (Index u = 0; u < kernel_h; ++u)
            for (Index v = 0; v < kernel_w; ++v) {
              const Index r = i * stride + u - padding, q = j * stride + v - padding;
              if (r < 0 || r >= h || q < 0 || q >= w) continue;
              Real* pixel = dx + ((image * h + r) * w + q) * c_in;
              const Real* tap = weight + ((o * kernel_h + u) * kernel_w + v) * c_in;
              for (Index c = 0; c < c_in; ++c) pixel[c] += g * tap[c];
            }
        }
  });
}

void conv2d_backward_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                            const Conv2dSizes& sizes) {
  const Index n = sizes.n, h = sizes.h, w = sizes.w, c_in = sizes.c_in, c_out = sizes.c_out;
  const Index kernel_h = sizes.kernel_h, kernel_w = sizes.kernel_w;
  const Index stride = sizes.stride, padding = sizes.padding;
  const Index out_h = sizes.out_h(), out_w = sizes.out_w();
  parallel_blocks(c_out, 1, [&](Index o, Index) {
    Real* dw = dweight + o * kernel_h * kernel_w * c_in;
    std::fill_n(dw, kernel_h * kernel_w * c_in, Real(0));
    Real sum = 0;
    for (Index image = 0; image < n; ++image)
      for (Index i = 0; i < out_h; ++i)
        for (Index j = 0; j < out_w; ++j) {
          const Real g = dy[((image * out_h + i) * out_w + j) * c_out + o];
          sum += g;
          for (Index u = 0; u < kernel_h; ++u)
            for (Index v = 0; v < kernel_w; ++v) {
              const Index r = i * stride + u - padding, q = j * stride + v - padding;
              if (r < 0 || r >= h || q < 0 || q >= w) continue;
              const Real* pixel = x + ((image * h + r) * w + q) * c_in;
              Real* tap = dw + (u * kernel_w + v) * c_in;
              for (Index c = 0; c < c_in; ++c) tap[c] += g * pixel[c];
            }
        }
    if (dbias != nullptr) dbias[o] = sum;
  });
}

}  // namespace ink::cpu
