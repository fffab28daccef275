#include "tensor/cpu/scratch.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <new>

namespace ink::cpu {
namespace {

constexpr std::align_val_t kAlignment{64};
std::atomic<std::size_t> system_allocations{0};

// A block that nobody uses holds the link to the next one of its size.
struct FreeBlock {
  FreeBlock* next;
};

// Blocks of 64, 128, 256, ... bytes, one list for each size. Each thread has a pool of its own: as
// threads get the same share of the work in every step, none asks the system for memory after the
// first one, however the threads happen to overlap.
class Pool {
 public:
  ~Pool() {
    for (FreeBlock* block : lists_) {
      while (block != nullptr) {
        FreeBlock* next = block->next;
        ::operator delete(block, kAlignment);
        block = next;
      }
    }
  }

  void* acquire(std::size_t bytes) {
    const std::size_t size = block_size(bytes);
    FreeBlock*& head = list(size);
    if (head == nullptr) {
      system_allocations.fetch_add(1, std::memory_order_relaxed);
      return ::operator new(size, kAlignment);
    }
    FreeBlock* block = head;
    head = block->next;
    return block;
  }

  void release(void* memory, std::size_t bytes) {
    FreeBlock*& head = list(block_size(bytes));
    head = ::new (memory) FreeBlock{head};
  }

 private:
  static std::size_t block_size(std::size_t bytes) {
    return std::bit_ceil(std::max<std::size_t>(bytes, 64));
  }
  FreeBlock*& list(std::size_t size) {
    return lists_[static_cast<std::size_t>(std::countr_zero(size))];
  }

  std::array<FreeBlock*, 64> lists_{};
};

Pool& pool() {
  static thread_local Pool instance;
  return instance;
}

}  // namespace

void* scratch_acquire(std::size_t bytes) { return pool().acquire(bytes); }
void scratch_release(void* memory, std::size_t bytes) noexcept { pool().release(memory, bytes); }
std::size_t scratch_system_allocations() noexcept { return system_allocations; }

}  // namespace ink::cpu
