#include "tensor/cpu/scratch.h"

#include <algorithm>
#include <array>
#include <bit>
#include <mutex>
#include <new>

namespace ink::cpu {
namespace {

constexpr std::align_val_t kAlignment{64};

// A block that nobody uses holds the link to the next one of its size.
struct FreeBlock {
  FreeBlock* next;
};

// Blocks of 64, 128, 256, ... bytes, one list for each size.
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
    const std::lock_guard lock(mutex_);
    const std::size_t size = block_size(bytes);
    FreeBlock*& head = list(size);
    if (head == nullptr) {
      void* memory = ::operator new(size, kAlignment);
      ++system_allocations_;
      return memory;
    }
    FreeBlock* block = head;
    head = block->next;
    return block;
  }

  void release(void* memory, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    FreeBlock*& head = list(block_size(bytes));
    head = ::new (memory) FreeBlock{head};
  }

  std::size_t system_allocations() {
    const std::lock_guard lock(mutex_);
    return system_allocations_;
  }

 private:
  static std::size_t block_size(std::size_t bytes) {
    return std::bit_ceil(std::max<std::size_t>(bytes, 64));
  }
  FreeBlock*& list(std::size_t size) {
    return lists_[static_cast<std::size_t>(std::countr_zero(size))];
  }

  std::mutex mutex_;
  std::array<FreeBlock*, 64> lists_{};
  std::size_t system_allocations_ = 0;
};

Pool& pool() {
  static Pool instance;
  return instance;
}

}  // namespace

void* scratch_acquire(std::size_t bytes) { return pool().acquire(bytes); }
void scratch_release(void* memory, std::size_t bytes) noexcept { pool().release(memory, bytes); }
std::size_t scratch_system_allocations() noexcept { return pool().system_allocations(); }

}  // namespace ink::cpu
