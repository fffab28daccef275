// Steps on request, for bench/compare_torch.py: a request per line on standard input, a line of
// JSON in reply (the protocol stands in bench/torch_unet.py).
#pragma once

#include "bench/training_step.h"

namespace ink::bench {

// Answers until "quit" or the end of the input.
void serve(Trainer& trainer);

// The most memory this process ever had resident, in MiB; NaN where the system does not tell.
double peak_resident_mib();

// The most memory that the work took, in MiB: of the GPU, or what was resident.
double peak_mib(Device device);

}  // namespace ink::bench
