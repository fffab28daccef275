// Parameters to and from safetensors, in PyTorch's order of axes.
#pragma once

#include <string>

#include "io/safetensors.h"
#include "nn/parameter.h"

namespace ink::nn {

// Appends the parts of `flat` (laid out as parameters.values(): the values, their average, a
// moment) to `file`, each named prefix + its parameter's name. Convolution weights become (out, in,
// kernel_h, kernel_w), as PyTorch stores them.
void save_parameters(NamedTensors& file, const Parameters& parameters, const Tensor& flat,
                     const std::string& prefix = "");

// The reverse: fills `flat`. Throws Error naming the parameter that is missing, or whose shape is
// another; and, for an empty prefix, a tensor of the file that no parameter takes.
void load_parameters(const NamedTensors& file, const Parameters& parameters, Tensor& flat,
                     const std::string& prefix = "");

}  // namespace ink::nn
