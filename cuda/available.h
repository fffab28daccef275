// Whether this machine can run the kernels, for programs that choose a device.
#pragma once

#include <optional>
#include <string>

namespace ink::cuda {

// Why it cannot, in one line: no driver or an old one, no GPU, a chip that this build has no code
// for, a GPU with no memory left. Nothing when it can.
std::optional<std::string> unavailable();

// "NVIDIA GeForce RTX 3050 Laptop GPU, compute capability 8.6, 4.0 GB".
std::string description();

}  // namespace ink::cuda
