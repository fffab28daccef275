// Working memory of the kernels on the device, drawn from a pool that is kept between calls.
#pragma once

#include <cstddef>
#include <type_traits>

#include "tensor/kernels/real.h"

namespace ink::cuda {

// At least `bytes` bytes of device memory, aligned to 256, contents undefined; throws
// std::bad_alloc. The same requests in the same order get the same addresses, so that a captured
// graph may keep them.
void* scratch_acquire(std::size_t bytes);
// Gives the memory of scratch_acquire(bytes) back to the pool. Kernels that use it may still wait
// in the stream: whoever gets it next comes after them there.
void scratch_release(void* memory, std::size_t bytes) noexcept;

// How often the pool has asked the system for memory, and for how much. Both stand still once every
// size has been seen.
std::size_t scratch_system_allocations() noexcept;
std::size_t scratch_bytes() noexcept;

// An uninitialised array on the device that lives as long as the object; only kernels may look at
// its elements.
template <class T>
class Scratch {
  static_assert(std::is_trivial_v<T>);

 public:
  explicit Scratch(Index count)
      : bytes_(static_cast<std::size_t>(count) * sizeof(T)),
        data_(static_cast<T*>(scratch_acquire(bytes_))) {}
  ~Scratch() { scratch_release(data_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  T* data() const { return data_; }

 private:
  std::size_t bytes_;
  T* data_;
};

}  // namespace ink::cuda
