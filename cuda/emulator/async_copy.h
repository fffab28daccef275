// Copies from global to shared memory that a thread has started and not yet waited for. Until then
// their target holds NaN: who reads too early, or past a missing barrier, will see.
#pragma once

#include <cstddef>

namespace ink::emulator {

// Starts a copy in the group that this thread's next commit closes; zeros where not `valid`.
void start_copy(void* to, const void* from, std::size_t bytes, bool valid);
void commit_copies();
// Does the copies of all groups of this thread but the latest `pending`.
void wait_for_copies(int pending);

// To be called before each block: what it never waited for is not another block's.
void forget_copies();

}  // namespace ink::emulator
