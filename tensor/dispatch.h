// Devices, and the one place that chooses between them.
#pragma once

namespace ink {

enum class Device { cpu, cuda };

// Whether the library was built with the CUDA backend.
#if defined(INK_CUDA) && INK_CUDA
inline constexpr bool kCuda = true;
#else
inline constexpr bool kCuda = false;
#endif

// Calls the kernel of the device. A build without CUDA never refers to the second one.
template <auto Cpu, auto Cuda, class... Args>
void on(Device device, const Args&... args) {
  if constexpr (kCuda) {
    if (device == Device::cuda) return Cuda(args...);
  }
  Cpu(args...);
}

// What is true of the device's kernels.
template <bool Cpu, bool Cuda>
constexpr bool holds(Device device) {
  return device == Device::cuda ? Cuda : Cpu;
}

}  // namespace ink
