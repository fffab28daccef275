// Which kernels a program has launched: what tests leave out is found by their union.
#pragma once

namespace ink::emulator {

// Notes the kernel. At the program's end the mangled names of all are appended, a line each, to the
// file that the environment variable INK_LAUNCHED_KERNELS names, if it is set.
void note_launch(const void* kernel);

}  // namespace ink::emulator
