// The convolution of the UNet on a GPU, five times, each a rung faster: chapter 11 of the
// derivations climbs them. All compute (CONV.1) for a 3 x 3 kernel with stride 1 and padding 1.
#pragma once

#include <string>
#include <vector>

#include "tensor/kernels/conv2d.h"

namespace ink::ladder {

// y (n, h, w, c_out) of x (n, h, w, c_in) and weight (c_out, 3, 3, c_in), all on the device.
using GpuConvolution = void(Real* y, const Real* x, const Real* weight, const Conv2dSizes& sizes);

// Each in the file of its name.
GpuConvolution naive, shared_tile, register_tile, tensor_cores, asynchronous_copies;

struct GpuRung {
  std::string name;
  bool tf32;  // multiplies numbers rounded to TF32
  GpuConvolution* convolve;
};

const std::vector<GpuRung>& gpu_conv2d_rungs();

}  // namespace ink::ladder
