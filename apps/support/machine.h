// The machine that the program runs on.
#pragma once

#include <optional>
#include <string>

#include "tensor/dispatch.h"

namespace ink::apps {

// "Intel(R) Xeon(R) Processor, 2 threads, AVX-512 (16 numbers at a time)".
std::string describe_machine();

// What both programs may be told about it.
struct MachineOptions {
  std::string device = "auto";     // the GPU if there is one; or "cpu", "cuda"
  std::string precision = "tf32";  // of products on a GPU; or "exact", "bf16"
  bool graph = true;               // on a GPU, repeat steps as CUDA graphs
  std::optional<int> threads;      // on the CPU; else one per core, or what OMP_NUM_THREADS says
};

// Chooses the device, and sets the rest for the whole program. Throws Error, in one line, when a
// GPU is asked for and cannot be used.
Device set_up(const MachineOptions& options);

// "NVIDIA H100 80GB HBM3, compute capability 9.0, 80 GB; tf32", or
// "CPU: this build has no CUDA backend".
std::string describe_device(Device device);

// "310 MiB" of tensors at most, so far; on a GPU, also what was taken from it in all.
std::string describe_memory(Device device);

}  // namespace ink::apps
