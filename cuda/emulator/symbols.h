// Names that the linker left in the program: of kernels, and of their shared variables.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace ink::emulator {

// The mangled name of the function that starts at `address`; empty where the program has no symbol
// table that we can read (only ELF is read).
std::string mangled_name(const void* function);
// As in the source, without the parameters: ink::cuda::softmax<float>.
std::string readable_name(const void* function);

// A static __shared__ variable. Each is a thread-local variable within a function of ink::cuda or
// ink::test, so the program's symbol table lists them all.
struct SharedVariable {
  std::byte* address;
  std::size_t bytes;
};
std::vector<SharedVariable> shared_variables();

}  // namespace ink::emulator
