#include "tensor/kernels/memory.h"

#include <cstdlib>
#include <cstring>
#include <new>
#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

namespace ink::cpu {

namespace {
// A cache line, and the widest vector.
constexpr std::size_t kAlignment = 64;
// A page of the larger size that x86-64 and Arm have beside their 4 KiB.
constexpr std::size_t kHugePage = std::size_t{1} << 21;
}  // namespace

// Large arrays lie on huge pages where the system grants them: a tensor of ten MiB takes 2,500
// small ones, more than the tables of a core can name.
void* allocate(std::size_t bytes) {
  const bool large = bytes >= kHugePage;
  void* memory = nullptr;
  if (posix_memalign(&memory, large ? kHugePage : kAlignment, bytes) != 0) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  // A wish: whether it is granted changes no result.
  if (large) madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return memory;
}

void release(void* memory) noexcept { std::free(memory); }

void copy_from_host(void* dst, const void* src, std::size_t bytes) {
  if (bytes > 0) std::memcpy(dst, src, bytes);
}

void copy_to_host(void* dst, const void* src, std::size_t bytes) {
  if (bytes > 0) std::memcpy(dst, src, bytes);
}

}  // namespace ink::cpu
