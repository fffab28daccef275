// Runs the threads of a block as fibers, in an order that a test may choose.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "cuda/emulator/location.h"
#include "cuda/emulator/vectors.h"

namespace ink::emulator {

inline constexpr unsigned kWarpSize = 32;
inline constexpr unsigned kMaxThreads = 1024;
inline constexpr std::size_t kMaxExchangedBytes = 128;  // by a lane in one exchange

// Which thread goes on when several could. A correct kernel gives the same bits under each.
struct Schedule {
  enum class Order {
    forward,   // threads in ascending order, each as far as it goes; blocks ascending
    reverse,   // both descending
    one_warp,  // one warp as far as it goes, then the next; blocks ascending
    random     // any thread, any block, drawn with the seed
  };
  Order order = Order::forward;
  std::uint64_t seed = 0;
};
void set_schedule(const Schedule& schedule);
Schedule schedule();

// A launch: what each thread runs, and where.
struct Grid {
  dim3 blocks;
  dim3 threads;
  std::size_t shared_bytes;
  const void* kernel;
  void (*run_thread)(const void* context);
  const void* context;
};

// Runs every block of the grid to its end. False when threads wait for ever, or wait at different
// places: report() (faults.h) then says who waits where.
bool run_grid(const Grid& grid);

// The kernel that runs, or null.
const void* running_kernel();
// Whether the address lies just below the stack of a thread: it has grown too large.
bool below_a_stack(const void* address);

// ---- what the threads call -------------------------------------------------------------------

// Waits until every thread of the block has come to this barrier.
void block_barrier(const Location& where);

// Leaves `bytes` at `value` for the other lanes of the mask and waits until each has come. Returns
// the values of the 32 lanes, one after the other; they stay until the lane's next exchange. Lanes
// that are not in the mask, or have ended, show bytes 0xFF: NaN.
const void* warp_exchange_bytes(unsigned mask, const void* value, std::size_t bytes,
                                const Location& where);

// The warp primitive on which shuffles and mma are built: each lane of the mask gives a value and
// sees all 32.
template <class T>
const std::array<T, kWarpSize>& warp_exchange(unsigned mask, const T& value,
                                              const Location& where = Location::current()) {
  static_assert(sizeof(T) <= kMaxExchangedBytes);
  return *static_cast<const std::array<T, kWarpSize>*>(
      warp_exchange_bytes(mask, &value, sizeof(T), where));
}

// The number of this thread within its warp, and the lanes that have not ended.
unsigned lane();
unsigned living_lanes();

// The block's dynamic shared memory, aligned to 128 bytes.
void* dynamic_shared_memory();

}  // namespace ink::emulator

// The coordinates of the thread that runs.
extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;
inline constexpr int warpSize = ink::emulator::kWarpSize;
