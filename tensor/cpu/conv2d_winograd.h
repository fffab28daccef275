// Convolution by Winograd's F(4 x 4, 3 x 3): a quarter of the multiplications.
#pragma once

#include "tensor/cpu/conv2d_direct.h"

namespace ink::cpu {

// Whether a convolution is one for Winograd: 3 x 3 at stride 1, between channels that fill whole
// vectors.
bool suits_winograd(const DirectConv& conv);

// The same map as convolve_direct, for sizes that suit: (WINO.2) along both axes. Its rounding
// error is two to three times as large; (WINO.9) bounds it.
void convolve_winograd(Real* y, const Real* x, const WeightView& weight,
                       const Conv2dEpilogue& epilogue, const DirectConv& conv);

}  // namespace ink::cpu
