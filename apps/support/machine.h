// The machine that the program runs on.
#pragma once

#include <optional>
#include <string>

#include "tensor/dispatch.h"

namespace ink::apps {

// "Intel(R) Xeon(R) Processor, 2 threads, AVX-512 (16 numbers at a time)".
std::string describe_machine();

// "auto" (the GPU if there is one), "cpu" or "cuda". Throws Error when there is no CUDA device.
Device choose_device(const std::string& name);

// "CPU: this build has no CUDA backend", for the plan that is printed.
std::string describe_device(Device device);

// The number of threads that the kernels use from here on; without a number, one per core, or what
// OMP_NUM_THREADS says. It never changes a result.
void set_threads(std::optional<int> threads);

}  // namespace ink::apps
