// Which kernels a program has launched: what tests leave out is found by their union.
#pragma once

#include <cstddef>

namespace ink::emulator {

// Notes the kernel. At the program's end a line for each is appended to the file that the
// environment variable INK_LAUNCHED_KERNELS names, if it is set: the mangled name, the threads of a
// block and its bytes of dynamic shared memory in the launch that asked for most.
void note_launch(const void* kernel, std::size_t threads, std::size_t shared_bytes);

}  // namespace ink::emulator
