// A convolution alone, on either device: what compare_torch.py holds against cuDNN.
#pragma once

#include "tensor/dispatch.h"
#include "tensor/kernels/conv2d.h"

namespace ink::bench {

// Seconds of one call each, the median of several runs of many calls.
struct ConvSeconds {
  double forward, data, weight;
};

// On random numbers. The weight's gradient comes with the bias's.
ConvSeconds time_conv2d(const Conv2dSizes& sizes, Device device);

}  // namespace ink::bench
