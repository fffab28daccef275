// Working memory of the kernels, drawn from a pool that is kept between calls.
#pragma once

#include <cstddef>
#include <type_traits>

#include "tensor/kernels/real.h"

namespace ink::cpu {

// At least `bytes` bytes, aligned to 64, contents undefined; throws std::bad_alloc. Any thread may
// call.
void* scratch_acquire(std::size_t bytes);
// Gives the memory of scratch_acquire(bytes) back to the pool.
void scratch_release(void* memory, std::size_t bytes) noexcept;

// How often the pool has asked the system for memory. It stands still once every size has been
// seen.
std::size_t scratch_system_allocations() noexcept;

// An uninitialised array that lives as long as the object.
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
  T& operator[](Index i) const { return data_[i]; }

 private:
  std::size_t bytes_;
  T* data_;
};

}  // namespace ink::cpu
