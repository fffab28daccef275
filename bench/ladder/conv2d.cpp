#include "bench/ladder/conv2d.h"

#include "tensor/cpu/conv2d_direct.h"
#include "tensor/cpu/conv2d_winograd.h"

namespace ink::ladder {
namespace {

Conv2dSizes sizes_of(const Tensor& x, const Tensor& weight) {
  return {.n = x.size(0),
          .h = x.size(1),
          .w = x.size(2),
          .c_in = x.size(3),
          .c_out = weight.size(0),
          .kernel_h = 3,
          .kernel_w = 3,
          .stride = 1,
          .padding = 1};
}

Tensor result_for(const Tensor& x, const Tensor& weight) {
  return Tensor::zeros({x.size(0), x.size(1), x.size(2), weight.size(0)});
}

// Calls body(y's pixel, x's pixel, u, v) for every pixel of y and every tap that finds a pixel of
// x.
template <class Body>
void for_each_tap(const Conv2dSizes& s, const Body& body) {
  for (Index n = 0; n < s.n; ++n)
    for (Index i = 0; i < s.h; ++i)
      for (Index j = 0; j < s.w; ++j)
        for (Index u = 0; u < 3; ++u)
          for (Index v = 0; v < 3; ++v) {
            const Index r = i + u - 1, q = j + v - 1;
            if (r < 0 || r >= s.h || q < 0 || q >= s.w) continue;
            body((n * s.h + i) * s.w + j, (n * s.h + r) * s.w + q, u, v);
          }
}

// As the formula is written: a dot product for every number of the result. C++ may not reorder the
// additions of a sum, so there is one at a time.
Tensor formula(const Tensor& x, const Tensor& weight) {
  const Conv2dSizes s = sizes_of(x, weight);
  Tensor y = result_for(x, weight);
  Real* to = y.mutable_data();
  const Real *from = x.data(), *w = weight.data();
  for_each_tap(s, [=](Index y_pixel, Index x_pixel, Index u, Index v) {
    for (Index o = 0; o < s.c_out; ++o) {
      Real sum = to[y_pixel * s.c_out + o];
      for (Index c = 0; c < s.c_in; ++c)
        sum += from[x_pixel * s.c_in + c] * w[((o * 3 + u) * 3 + v) * s.c_in + c];
      to[y_pixel * s.c_out + o] = sum;
    }
  });
  return y;
}

// The output channels innermost: neighbours in y and, once transposed, in the weights. Their sums
// are independent, so the compiler makes vectors of them.
Tensor vectors(const Tensor& x, const Tensor& weight) {
  const Conv2dSizes s = sizes_of(x, weight);
  Tensor y = result_for(x, weight);
  const Tensor packed = weight.permute({1, 2, 3, 0}).contiguous();  // (3, 3, c_in, c_out)
  Real* to = y.mutable_data();
  const Real *from = x.data(), *w = packed.data();
  for_each_tap(s, [=](Index y_pixel, Index x_pixel, Index u, Index v) {
    Real* sums = to + y_pixel * s.c_out;
    const Real* tap = w + (u * 3 + v) * s.c_in * s.c_out;
    for (Index c = 0; c < s.c_in; ++c) {
      const Real x_c = from[x_pixel * s.c_in + c];
#pragma omp simd
      for (Index o = 0; o < s.c_out; ++o) sums[o] += x_c * tap[c * s.c_out + o];
    }
  });
  return y;
}

// The sums of several pixels stay in registers while all taps and channels pass by.
Tensor register_tile(const Tensor& x, const Tensor& weight) {
  Tensor y = result_for(x, weight);
  cpu::convolve_direct(y.mutable_data(), x.data(), {},
                       cpu::forward_map(weight.data(), sizes_of(x, weight)));
  return y;
}

// 36 products for a tile of sixteen results instead of 144: chapter 10b.
Tensor winograd(const Tensor& x, const Tensor& weight) {
  Tensor y = result_for(x, weight);
  cpu::convolve_winograd(y.mutable_data(), x.data(), {},
                         cpu::forward_map(weight.data(), sizes_of(x, weight)));
  return y;
}

}  // namespace

const std::vector<Rung>& conv2d_rungs() {
  static const std::vector<Rung> rungs = {{"the formula", false, formula},
                                          {"vectors of output channels", false, vectors},
                                          {"a register tile", false, register_tile},
                                          {"Winograd's algorithm", false, winograd},
                                          {"all threads", true, winograd}};
  return rungs;
}

}  // namespace ink::ladder
