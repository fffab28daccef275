// The convolution of the UNet, five times, each a rung faster: chapter 10 of the derivations climbs
// them. All compute (CONV.1) for a 3 x 3 kernel with stride 1 and padding 1.
#pragma once

#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace ink::ladder {

struct Rung {
  std::string name;
  bool all_threads;  // or one alone
  // y (n, h, w, c_out) of x (n, h, w, c_in) and weight (c_out, 3, 3, c_in).
  Tensor (*convolve)(const Tensor& x, const Tensor& weight);
};

const std::vector<Rung>& conv2d_rungs();

}  // namespace ink::ladder
