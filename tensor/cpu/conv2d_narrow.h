// Convolutions to few channels, as the last one of a UNet: a vector of output channels would be
// nearly empty.
#pragma once

#include "tensor/kernels/conv2d.h"

namespace ink::cpu {

// Whether the output channels alone would leave their vectors so empty that the detour pays; at
// stride 1.
bool is_narrow(const Conv2dSizes& sizes);

// As conv2d_forward, for narrow sizes: first the products of every pixel of x with every tap, then
// their sums over the taps. (CPU.4)
void conv2d_narrow_forward(Real* y, const Real* x, const Real* weight,
                           const Conv2dEpilogue& epilogue, const Conv2dSizes& sizes);

// As conv2d_backward_weight, for narrow sizes: with dy for the image and x for the gradient it is
// the same sum with the taps in reverse, and the wide one of the two fills the vectors. (CPU.5)
void conv2d_narrow_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                          const Conv2dSizes& sizes);

}  // namespace ink::cpu
