// Direct convolution: a matrix product whose left operand is read through a window of the image.
#pragma once

#include "tensor/cpu/packed.h"

namespace ink::cpu {

// A map with its weights laid out for the kernel.
class DirectConvolution {
 public:
  explicit DirectConvolution(const Conv2dMap& map);

  // Rows of y, those of all images counted through, by one thread.
  void run(Real* y, const Real* x, const Conv2dEpilogue& epilogue, Index first, Index last) const;
  // Multiply-adds of a row of y, times two.
  Index row_operations() const;

 private:
  DirectConv conv_;
  Packed packed_;
  Scratch<Real> zeros_;  // (c_in), a pixel of the padding
};

void convolve_direct(Real* y, const Real* x, const Conv2dEpilogue& epilogue, const Conv2dMap& map);

// dx of a convolution with a stride: a class of pixels after the other (CONV.4), image by image, so
// that dy and dx stay in the cache meanwhile.
void backward_data_strided(Real* dx, const Real* dy, const Real* weight, const Conv2dSizes& sizes);

}  // namespace ink::cpu
