#include "cuda/scratch.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

#include "tensor/kernels/memory.h"

namespace ink::cuda {
namespace {

// Free blocks by size, the one given back last on top. All kernels run on one stream, so one pool
// serves them all.
class Pool {
 public:
  void* acquire(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const std::size_t size = block_size(bytes);
    std::vector<void*>& blocks = free_[size];
    if (blocks.empty()) blocks.push_back(from_system(size));
    void* const block = blocks.back();
    blocks.pop_back();
    return block;
  }

  void release(void* memory, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    free_[block_size(bytes)].push_back(memory);
  }

  std::size_t allocations = 0;
  std::size_t bytes_from_system = 0;

 private:
  // Four steps between neighbouring powers of two: at most a quarter is wasted.
  static std::size_t block_size(std::size_t bytes) {
    std::size_t step = 256;
    while (8 * step <= bytes) step *= 2;
    return std::max<std::size_t>((bytes + step - 1) / step, 1) * step;
  }

  void* from_system(std::size_t size) {
    void* const block = allocate(size);
    ++allocations;
    bytes_from_system += size;
    return block;
  }

  std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> free_;
};

// Never destroyed: the driver may be gone by then.
Pool& pool() {
  static auto* const instance = new Pool;
  return *instance;
}

}  // namespace

void* scratch_acquire(std::size_t bytes) { return pool().acquire(bytes); }
void scratch_release(void* memory, std::size_t bytes) noexcept { pool().release(memory, bytes); }
std::size_t scratch_system_allocations() noexcept { return pool().allocations; }
std::size_t scratch_bytes() noexcept { return pool().bytes_from_system; }

}  // namespace ink::cuda
