// Intel's oneDNN, the library behind PyTorch's convolutions on a CPU, as a yardstick: where its
// development package (libdnnl-dev, onednn-devel) is installed.
#pragma once

#include <optional>

#include "bench/conv.h"

namespace ink::bench {

// Times its direct convolutions in float between arrays (n, h, w, c), its own layout of the weights
// prepared. Nothing where it is not installed, or where Real is double.
std::optional<ConvSeconds> time_onednn(const Conv2dSizes& sizes);

}  // namespace ink::bench
