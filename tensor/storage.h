// Memory that tensors share, and the caching allocator it comes from.
#pragma once

#include <cstdint>
#include <memory>

#include "tensor/dispatch.h"
#include "tensor/kernels/packed_weights.h"
#include "tensor/kernels/real.h"

namespace ink {

// A block of `size` elements on one device, returned to the allocator's cache by the destructor.
struct Storage {
  // Contents undefined; throws Error when the device has no such memory left.
  Storage(Index size, Device device);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  Real* data;
  Index size;
  Device device;
  // Counts the writes through Tensor::mutable_data, so that autograd notices a saved tensor that
  // was changed in place.
  std::uint64_t version = 0;
  // Made of the contents by kernels; gone with the next write.
  PackedWeights packed_weights;
};

// What the allocator did so far on one device, in bytes and calls.
struct AllocatorStats {
  std::uint64_t system_allocations = 0;  // calls that reached the system
  std::int64_t bytes_in_use = 0;         // held by storages now
  std::int64_t peak_bytes_in_use = 0;    // the most they ever held
  std::int64_t bytes_reserved = 0;       // in use or cached
};
AllocatorStats allocator_stats(Device device);
void reset_peak_bytes(Device device);

// Gives cached blocks that no storage uses back to the system.
void release_cached_memory(Device device);

// Memory of its own for work that will be repeated at the same addresses. While it is open, new
// storages on its device take their blocks from it, beginning with those that are cached; a block
// that was once taken returns here and to no one else until the reserve is destroyed.
class MemoryReserve {
 public:
  explicit MemoryReserve(Device device) : device_(device) {}
  ~MemoryReserve();
  MemoryReserve(const MemoryReserve&) = delete;
  MemoryReserve& operator=(const MemoryReserve&) = delete;

  // At most one is open on a device.
  void open();
  void close();

 private:
  Device device_;
};

// For tests: fresh storages are filled with NaN. On the CPU they are fenced by guard zones; a zone
// that was written to is reported by check_guards(), which throws Error, or when the storage dies,
// which aborts. On the GPU each is a block of its own, so that the tools see where it ends.
class GuardedAllocations {
 public:
  GuardedAllocations();
  ~GuardedAllocations();
  GuardedAllocations(const GuardedAllocations&) = delete;
  GuardedAllocations& operator=(const GuardedAllocations&) = delete;
  // Throws Error if a byte just outside a living storage has been written.
  void check_guards() const;
};

}  // namespace ink
