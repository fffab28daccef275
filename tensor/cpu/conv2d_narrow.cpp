#include "tensor/cpu/conv2d_narrow.h"

#include "tensor/cpu/conv2d_weight.h"
#include "tensor/cpu/parallel.h"
#include "tensor/cpu/register_tile.h"
#include "tensor/cpu/scratch.h"
#include "tensor/kernels/gemm.h"
#include "tensor/kernels/reduce.h"

namespace ink::cpu {
namespace {

Index taps_of(const Conv2dSizes& s) { return s.kernel_h * s.kernel_w; }

// sum (out_h, out_w) of an output: each result collects its taps from the pixels that they meet.
// products (taps, h, w) are those of every pixel of x.
void add_taps(Real* sum, const Real* products, const Conv2dSizes& s) {
  const Index out_h = s.out_h(), out_w = s.out_w();
  std::fill_n(sum, out_h * out_w, Real(0));
  for (Index u = 0; u < s.kernel_h; ++u)
    for (Index v = 0; v < s.kernel_w; ++v) {
      const Real* plane = products + (u * s.kernel_w + v) * s.h * s.w;
      const Index down = u - s.padding, across = v - s.padding;
      const Index first = std::max<Index>(0, -across), last = std::min(out_w, s.w - across);
      for (Index i = std::max<Index>(0, -down); i < std::min(out_h, s.h - down); ++i) {
        const Real* from = plane + (i + down) * s.w + across;
#pragma omp simd
        for (Index j = first; j < last; ++j) sum[i * out_w + j] += from[j];
      }
    }
}

void store_output(Real* y, const Real* sum, Index output, const Conv2dEpilogue& epilogue,
                  Index image, const Conv2dSizes& s) {
  const Index count = s.out_h() * s.out_w();
  Real bias = 0;
  if (epilogue.bias != nullptr) bias += epilogue.bias[output];
  if (epilogue.image_bias != nullptr) bias += epilogue.image_bias[image * s.c_out + output];
  for (Index i = 0; i < count; ++i) {
    const Index at = (image * count + i) * s.c_out + output;
    y[at] = sum[i] + bias + (epilogue.residual == nullptr ? 0 : epilogue.residual[at]);
  }
}

}  // namespace

bool is_narrow(const Conv2dSizes& s) {
  return s.stride == 1 && s.kernel_h == s.kernel_w && s.padding < s.kernel_h &&
         taps_of(s) * padded_columns(s.c_out) > 2 * padded_columns(taps_of(s) * s.c_out);
}

void conv2d_narrow_forward(Real* y, const Real* x, const Real* weight,
                           const Conv2dEpilogue& epilogue, const Conv2dSizes& s) {
  const Index pixels = s.h * s.w, products_of_output = taps_of(s) * pixels;
  parallel_blocks(s.n, 1, [&](Index image, Index) {
    const Scratch<Real> products(s.c_out * products_of_output), sum(s.out_h() * s.out_w());
    gemm(products.data(), weight, x + image * pixels * s.c_in, {},
         {.m = s.c_out * taps_of(s), .n = pixels, .k = s.c_in, .transpose_b = true});
    for (Index o = 0; o < s.c_out; ++o) {
      add_taps(sum.data(), products.data() + o * products_of_output, s);
      store_output(y, sum.data(), o, epilogue, image, s);
    }
  });
}

void conv2d_narrow_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                          const Conv2dSizes& s) {
  const Index taps = taps_of(s);
  Conv2dSizes exchanged = s;
  exchanged.h = s.out_h();
  exchanged.w = s.out_w();
  std::swap(exchanged.c_in, exchanged.c_out);
  exchanged.padding = s.kernel_h - 1 - s.padding;
  const Scratch<Real> reversed(s.c_in * taps * s.c_out);  // (c_in, taps, c_out)
  conv2d_direct_weight(reversed.data(), nullptr, dy, x, exchanged);
  for (Index o = 0; o < s.c_out; ++o)
    for (Index tap = 0; tap < taps; ++tap)
      for (Index c = 0; c < s.c_in; ++c)
        dweight[(o * taps + tap) * s.c_in + c] =
            reversed[(c * taps + taps - 1 - tap) * s.c_out + o];
  if (dbias != nullptr) reduce<Sum>(dbias, dy, {1, s.n * s.out_h() * s.out_w(), s.c_out});
}

}  // namespace ink::cpu
