// Where Winograd's algorithm applies, four convolutions of the small image with 25 products in
// place of 36 (WINO.13); elsewhere the two ops in turn.
#include "tensor/kernels/upsample_conv2d.h"

#include "tensor/cpu/conv2d_weight.h"
#include "tensor/cpu/conv2d_winograd.h"

namespace ink::cpu {
namespace {

using namespace winograd;

Conv2dSizes of_small_image(const UpsampleConv2dSizes& s) {
  return {s.n, s.h, s.w, s.c_in, s.c_out, 3, 3, 1, 1};
}

// The convolution of the small image, whose results are those of a phase.
Conv2dMap phase_map(const Weight& weight, const UpsampleConv2dSizes& s) {
  Conv2dMap map = forward_map(weight, of_small_image(s));
  map.conv.y_image *= 4;
  map.conv.y_row *= 4;
  map.conv.y_pixel *= 2;
  return map;
}

}  // namespace

void upsample_conv2d_forward(Real* y, const Real* x, const Weight& weight, const Real* bias,
                             const UpsampleConv2dSizes& s) {
  const Conv2dMap map = phase_map(weight, s);
  if (suits_winograd(map.conv)) {
    convolve_winograd(y, x, {.bias = bias}, map, kUpsampled);
    return;
  }
  const Scratch<Real> upsampled(s.upsampling().y_count());
  upsample_forward(upsampled.data(), x, s.upsampling());
  conv2d_forward(y, upsampled.data(), weight, {.bias = bias}, s.convolution());
}

void upsample_conv2d_backward_data(Real* dx, const Real* dy, const Real* weight,
                                   const UpsampleConv2dSizes& s) {
  const Conv2dMap map = backward_map(weight, of_small_image(s), 0, 0);
  if (suits_winograd(map.conv)) {
    convolve_winograd(dx, dy, {}, map, kUpsampledGradient);
    return;
  }
  const Scratch<Real> upsampled(s.upsampling().y_count());
  conv2d_backward_data(upsampled.data(), dy, weight, s.convolution());
  upsample_backward(dx, upsampled.data(), s.upsampling());
}

void upsample_conv2d_backward_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                                     const UpsampleConv2dSizes& s) {
  const DirectConv conv = phase_map(nullptr, s).conv;
  if (suits_winograd_weight(conv, kUpsampled)) {
    conv2d_winograd_weight(dweight, dbias, x, dy, conv, kUpsampled);
    return;
  }
  const Scratch<Real> upsampled(s.upsampling().y_count());
  upsample_forward(upsampled.data(), x, s.upsampling());
  conv2d_backward_weight(dweight, dbias, upsampled.data(), dy, s.convolution());
}

}  // namespace ink::cpu
