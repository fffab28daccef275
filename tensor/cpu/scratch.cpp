#include "tensor/cpu/scratch.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <mutex>
#include <new>

namespace ink::cpu {
namespace {

constexpr std::align_val_t kAlignment{64};
constexpr std::size_t kSizeClasses = 64;  // powers of two
std::atomic<std::size_t> system_allocations{0};

// A block that nobody uses holds the link to the next one of its size.
struct FreeBlock {
  FreeBlock* next;
};

// Free blocks of 64, 128, 256, ... bytes, one list for each size.
class FreeLists {
 public:
  ~FreeLists() {
    for (FreeBlock* block : lists_) {
      while (block != nullptr) {
        FreeBlock* next = block->next;
        ::operator delete(block, kAlignment);
        block = next;
      }
    }
  }

  // Null where there is none.
  void* take(std::size_t size_class) {
    FreeBlock*& head = lists_[size_class];
    FreeBlock* block = head;
    if (block != nullptr) head = block->next;
    return block;
  }
  void put(void* memory, std::size_t size_class) {
    FreeBlock*& head = lists_[size_class];
    head = ::new (memory) FreeBlock{head};
  }
  // Takes all that the other has.
  void take_all(FreeLists& other) {
    for (std::size_t c = 0; c < kSizeClasses; ++c)
      while (void* block = other.take(c)) put(block, c);
  }

 private:
  std::array<FreeBlock*, kSizeClasses> lists_{};
};

// Blocks for threads that have not needed them yet. Who needs one more of a size than any thread
// before, gets one for each thread of its team: in the next step that work may fall to another, and
// that one is not to ask the system then.
class Reserve {
 public:
  // The n-th block that a thread comes to own.
  void* acquire(std::size_t size_class, std::size_t n) {
    const std::lock_guard lock(mutex_);
    const auto team = static_cast<std::size_t>(omp_get_num_threads());
    for (std::size_t c = 0; team > team_ && c < kSizeClasses; ++c)
      provide(c, (team - team_) * for_each_thread_[c]);
    team_ = std::max(team, team_);
    if (n > for_each_thread_[size_class]) {
      for_each_thread_[size_class] = n;
      provide(size_class, team_);
    }
    void* block = blocks_.take(size_class);
    return block != nullptr ? block : allocate(size_class);
  }
  // What a thread had that ends, for the one that takes its place: OpenMP ends threads when a team
  // is smaller than the one before.
  void take_back(FreeLists& blocks) {
    const std::lock_guard lock(mutex_);
    blocks_.take_all(blocks);
  }

 private:
  void provide(std::size_t size_class, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) blocks_.put(allocate(size_class), size_class);
  }
  // With a page behind it: blocks of different threads lie side by side, and what one core fetches
  // beyond the end of its own would be the other's.
  static void* allocate(std::size_t size_class) {
    constexpr std::size_t kPage = 4096;
    system_allocations.fetch_add(1, std::memory_order_relaxed);
    return ::operator new((std::size_t{1} << size_class) + kPage, kAlignment);
  }

  std::mutex mutex_;
  FreeLists blocks_;
  std::size_t team_ = 1;  // the largest so far
  std::array<std::size_t, kSizeClasses> for_each_thread_{};
};

// The blocks of one thread.
class Pool {
 public:
  explicit Pool(Reserve& reserve) : reserve_(reserve) {}
  ~Pool() { reserve_.take_back(free_); }

  void* acquire(std::size_t bytes) {
    const std::size_t size_class = class_of(bytes);
    if (void* block = free_.take(size_class)) return block;
    return reserve_.acquire(size_class, ++owned_[size_class]);
  }
  void release(void* memory, std::size_t bytes) { free_.put(memory, class_of(bytes)); }

 private:
  static std::size_t class_of(std::size_t bytes) {
    const std::size_t size = std::bit_ceil(std::max<std::size_t>(bytes, 64));
    return static_cast<std::size_t>(std::countr_zero(size));
  }

  Reserve& reserve_;
  FreeLists free_;
  std::array<std::size_t, kSizeClasses> owned_{};
};

// What a thread of a team needs, and what is needed outside of one, are kept apart: the latter
// falls to the same thread in every step.
Pool& pool() {
  static Reserve of_one, of_team;
  static thread_local Pool alone(of_one), in_team(of_team);
  return omp_get_num_threads() > 1 ? in_team : alone;
}

}  // namespace

void* scratch_acquire(std::size_t bytes) { return pool().acquire(bytes); }
void scratch_release(void* memory, std::size_t bytes) noexcept { pool().release(memory, bytes); }
std::size_t scratch_system_allocations() noexcept { return system_allocations; }

}  // namespace ink::cpu
