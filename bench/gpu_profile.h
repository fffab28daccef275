// Where a training step on the GPU spends its time.
#pragma once

#include "diffusion/unet_config.h"

namespace ink::bench {

// Prints the kernels of a training step, the slowest first. The events between them cost a
// microsecond each, which the times contain.
void print_gpu_profile(const UNetConfig& config, Index batch);

}  // namespace ink::bench
