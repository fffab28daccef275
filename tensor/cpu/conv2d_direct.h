// Direct convolution: a matrix product whose left operand is read through a window of the image.
#pragma once

#include "tensor/cpu/conv2d_map.h"

namespace ink::cpu {

void convolve_direct(Real* y, const Real* x, const Conv2dEpilogue& epilogue, const Conv2dMap& map);

// Lays the weights out as (block of channels, kernel_h, kernel_w, c_in, width of the block), for
// padded_columns(c_out) channels.
void pack_weight(Real* packed, const Conv2dMap& map);

}  // namespace ink::cpu
