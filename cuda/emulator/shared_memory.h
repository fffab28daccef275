// The shared memory of the block that runs. Before each block it is filled with NaN: what a block
// leaves behind is no other block's to read.
#pragma once

#include <cstddef>

namespace ink::emulator {

// What a block may ask for beside its static variables, at most.
inline constexpr std::size_t kMaxDynamicShared = 228 * 1024;

// To be called before the first block of a launch, and before each further one.
void poison_shared_memory_of_launch(std::size_t dynamic_bytes);
void poison_shared_memory_of_block();

}  // namespace ink::emulator
