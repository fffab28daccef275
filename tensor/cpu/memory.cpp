#include "tensor/kernels/memory.h"

#include <cstring>
#include <new>

namespace ink::cpu {

namespace {
// A cache line, and the widest vector.
constexpr std::align_val_t kAlignment{64};
}  // namespace

void* allocate(std::size_t bytes) { return ::operator new(bytes, kAlignment); }

void release(void* memory) noexcept { ::operator delete(memory, kAlignment); }

void copy_from_host(void* dst, const void* src, std::size_t bytes) {
  if (bytes > 0) std::memcpy(dst, src, bytes);
}

void copy_to_host(void* dst, const void* src, std::size_t bytes) {
  if (bytes > 0) std::memcpy(dst, src, bytes);
}

}  // namespace ink::cpu
