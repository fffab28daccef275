// CUDA kernels under every schedule that the emulator knows.
#pragma once

#include <functional>

namespace ink::test {

// Calls f() under each schedule; a correct kernel gives the same bits each time. On a GPU, which
// chooses for itself, three times.
void for_each_schedule(const std::function<void()>& f);

}  // namespace ink::test
