#include "tensor/storage.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <mutex>
#include <new>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "tensor/check.h"
#include "tensor/kernels/copy.h"
#include "tensor/kernels/memory.h"

namespace ink {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kGuardBytes = 256;
constexpr unsigned char kGuardPattern = 0xFF;  // reads as NaN: what is read outside shows as well

// Blocks of one device by size class. A block that is given back waits here for the next request of
// its class: a training step asks for the same sizes again and again.
class CachingAllocator {
 public:
  explicit CachingAllocator(Device device) : device_(device) {}

  void* take(std::size_t bytes) {
    const std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    std::vector<void*>& cached = open_ == nullptr ? free_[size] : reserved_[open_][size];
    void* block = nullptr;
    if (!cached.empty()) {
      block = cached.back();
      cached.pop_back();
    } else {
      block = from_system(size);
    }
    if (open_ != nullptr) owner_[block] = open_;
    stats_.bytes_in_use += static_cast<std::int64_t>(size);
    stats_.peak_bytes_in_use = std::max(stats_.peak_bytes_in_use, stats_.bytes_in_use);
    return block;
  }

  void give_back(void* block, std::size_t bytes) {
    const std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    const auto owned = owner_.find(block);
    (owned == owner_.end() ? free_ : reserved_[owned->second])[size].push_back(block);
    stats_.bytes_in_use -= static_cast<std::int64_t>(size);
  }

  // The reserve begins with all cached blocks, and keeps those that were taken while it was open.
  void open(const MemoryReserve* reserve) {
    const std::lock_guard lock(mutex_);
    check(open_ == nullptr, "allocate", "another reserve of memory is open already");
    open_ = reserve;
    move_blocks(free_, reserved_[reserve]);
  }

  void close(const MemoryReserve* reserve) {
    const std::lock_guard lock(mutex_);
    if (open_ != reserve) return;
    open_ = nullptr;
    for (auto& [size, blocks] : reserved_[reserve]) {
      const auto kept = std::partition(blocks.begin(), blocks.end(),
                                       [this](void* block) { return owner_.contains(block); });
      std::vector<void*>& cached = free_[size];
      cached.insert(cached.end(), kept, blocks.end());
      blocks.erase(kept, blocks.end());
    }
  }

  void dissolve(const MemoryReserve* reserve) {
    close(reserve);
    const std::lock_guard lock(mutex_);
    std::erase_if(owner_, [reserve](const auto& entry) { return entry.second == reserve; });
    move_blocks(reserved_[reserve], free_);
    reserved_.erase(reserve);
  }

  AllocatorStats stats() {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

  void reset_peak() {
    const std::lock_guard lock(mutex_);
    stats_.peak_bytes_in_use = stats_.bytes_in_use;
  }

  void release_cached() {
    const std::lock_guard lock(mutex_);
    release_all();
  }

 private:
  using Blocks = std::map<std::size_t, std::vector<void*>>;  // by size

  static void move_blocks(Blocks& from, Blocks& to) {
    for (const auto& [size, blocks] : from) {
      to[size].insert(to[size].end(), blocks.begin(), blocks.end());
    }
    from.clear();
  }

  // Rounds up to one of four steps between neighbouring powers of two: at most 25 % is wasted, and
  // tensors of nearly equal size share their blocks.
  static std::size_t size_class(std::size_t bytes) {
    if (bytes <= kAlignment) return kAlignment;
    const std::size_t step = std::max(kAlignment, std::bit_floor(bytes - 1) / 4);
    return (bytes + step - 1) / step * step;
  }

  void* from_system(std::size_t size) {
    void* block = try_system(size);
    if (block == nullptr) {
      release_all();
      block = try_system(size);
    }
    check(block != nullptr, "allocate",
          "the {} has no {:.1f} MiB left for a tensor; {:.1f} MiB are in use",
          device_ == Device::cpu ? "CPU" : "GPU", static_cast<double>(size) / 0x1p20,
          static_cast<double>(stats_.bytes_in_use) / 0x1p20);
    ++stats_.system_allocations;
    stats_.bytes_reserved += static_cast<std::int64_t>(size);
    return block;
  }

  void* try_system(std::size_t size) const {
    try {
      if constexpr (kCuda) {
        if (device_ == Device::cuda) return cuda::allocate(size);
      }
      return cpu::allocate(size);
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }

  void release_all() {
    for (auto& [size, blocks] : free_) {
      for (void* block : blocks) on<cpu::release, cuda::release>(device_, block);
      stats_.bytes_reserved -= static_cast<std::int64_t>(size * blocks.size());
      blocks.clear();
    }
  }

  Device device_;
  std::mutex mutex_;
  Blocks free_;
  // Of reserves: what is free in each, and whose block this is.
  std::unordered_map<const MemoryReserve*, Blocks> reserved_;
  std::unordered_map<const void*, const MemoryReserve*> owner_;
  const MemoryReserve* open_ = nullptr;
  AllocatorStats stats_;
};

// Never destroyed: storages in static variables may outlive any order of destruction.
CachingAllocator& allocator(Device device) {
  static auto* const cpu = new CachingAllocator(Device::cpu);
  static auto* const cuda = new CachingAllocator(Device::cuda);
  return device == Device::cpu ? *cpu : *cuda;
}

// ---- guard zones -----------------------------------------------------------------------------

struct Guards {
  std::mutex mutex;
  int depth = 0;
  std::unordered_set<const Storage*> living;
};

Guards& guards() {
  static auto* const instance = new Guards;
  return *instance;
}

unsigned char* bytes_of(const Storage& storage) {
  return reinterpret_cast<unsigned char*>(storage.data);
}

std::size_t byte_count(const Storage& storage) {
  return static_cast<std::size_t>(storage.size) * sizeof(Real);
}

void fence(const Storage& storage) {
  unsigned char* const first = bytes_of(storage);
  std::fill_n(first - kGuardBytes, kGuardBytes, kGuardPattern);
  std::fill_n(first + byte_count(storage), kGuardBytes, kGuardPattern);
  std::fill_n(storage.data, storage.size, std::numeric_limits<Real>::quiet_NaN());
}

// On the GPU a block of exactly this size, past the cache: then the emulator's fences, or the CUDA
// tools' checks, begin where the tensor ends.
void allocate_guarded(Storage& storage) {
  const std::size_t bytes = byte_count(storage);
  if constexpr (kCuda) {
    if (storage.device == Device::cuda) {
      storage.data = static_cast<Real*>(cuda::allocate(bytes));
      cuda::fill(storage.data, std::numeric_limits<Real>::quiet_NaN(), storage.size);
      return;
    }
  }
  auto* block =
      static_cast<unsigned char*>(allocator(storage.device).take(bytes + 2 * kGuardBytes));
  storage.data = reinterpret_cast<Real*>(block + kGuardBytes);
  fence(storage);
}

void release_guarded(const Storage& storage) {
  if constexpr (kCuda) {
    if (storage.device == Device::cuda) return cuda::release(storage.data);
  }
  allocator(storage.device)
      .give_back(bytes_of(storage) - kGuardBytes, byte_count(storage) + 2 * kGuardBytes);
}

bool fence_holds(const Storage& storage) {
  if (storage.device == Device::cuda) return true;  // for those who see its memory to say
  const auto untouched = [](const unsigned char* zone) {
    return std::all_of(zone, zone + kGuardBytes, [](auto b) { return b == kGuardPattern; });
  };
  return untouched(bytes_of(storage) - kGuardBytes) &&
         untouched(bytes_of(storage) + byte_count(storage));
}

}  // namespace

Storage::Storage(Index count, Device where) : data(nullptr), size(count), device(where) {
  check(kCuda || where == Device::cpu, "allocate", "this build of Inkling has no CUDA");
  {
    const std::lock_guard lock(guards().mutex);
    if (guards().depth > 0) {
      allocate_guarded(*this);
      guards().living.insert(this);
      return;
    }
  }
  data = static_cast<Real*>(allocator(where).take(byte_count(*this)));
}

Storage::~Storage() {
  {
    const std::lock_guard lock(guards().mutex);
    if (guards().living.erase(this) > 0) {
      if (!fence_holds(*this)) {
        std::fputs("a kernel wrote outside a tensor: its guard zone is damaged\n", stderr);
        std::abort();
      }
      release_guarded(*this);
      return;
    }
  }
  allocator(device).give_back(data, byte_count(*this));
}

AllocatorStats allocator_stats(Device device) { return allocator(device).stats(); }
void reset_peak_bytes(Device device) { allocator(device).reset_peak(); }
void release_cached_memory(Device device) { allocator(device).release_cached(); }

void MemoryReserve::open() { allocator(device_).open(this); }
void MemoryReserve::close() { allocator(device_).close(this); }
MemoryReserve::~MemoryReserve() { allocator(device_).dissolve(this); }

GuardedAllocations::GuardedAllocations() {
  const std::lock_guard lock(guards().mutex);
  ++guards().depth;
}

GuardedAllocations::~GuardedAllocations() {
  const std::lock_guard lock(guards().mutex);
  --guards().depth;
}

void GuardedAllocations::check_guards() const {
  const std::lock_guard lock(guards().mutex);
  for (const Storage* storage : guards().living) {
    check(fence_holds(*storage), "guard", "a kernel wrote outside a tensor of {} elements",
          storage->size);
  }
}

}  // namespace ink
