// The door to the CUDA runtime: the stream, errors as exceptions, and the one launch.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <stdexcept>
#include <string>

#include "cuda/available.h"
#include "tensor/kernels/real.h"

namespace ink::cuda {

// A call of the runtime or a kernel failed. what() is one line for a fault of the machine, and a
// report with a line for each thread for a kernel that the emulator caught.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Throws Error("[cuda] what: reason") unless the call succeeded.
void check(cudaError_t status, const char* what);

// The stream on which all kernels of this thread run.
cudaStream_t stream();
// Waits for it, and throws the error of a kernel that failed meanwhile.
void synchronize();

// What the kernels ask of the chip.
struct Chip {
  std::string name;
  int major;
  int minor;
  int multiprocessors;
  std::size_t memory_bytes;
  int shared_bytes;  // the most that a block may ask for
};
const Chip& chip();

// The size of a launch.
struct Launch {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;
};

// The number of blocks of `size` elements that cover n; throws Error past the largest grid.
unsigned blocks_for(Index n, Index size);

// The symbol of a kernel.
std::string name_of(const void* kernel);

namespace detail {
void before_launch(const void* kernel, const Launch& at);
void after_launch(cudaError_t status, const void* kernel, const Launch& at);
}  // namespace detail

// Runs kernel(args...) on the stream: the only launch. Throws Error, naming the kernel and the
// sizes, when the grid, the block or the shared memory is larger than the chip takes.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), const Launch& at, Arguments... arguments) {
  const auto* address = reinterpret_cast<const void*>(kernel);
  detail::before_launch(address, at);
  if (at.shared_bytes > 48 * 1024) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(at.shared_bytes)),
          "shared memory of a kernel");
  }
  cudaLaunchConfig_t config{};
  config.gridDim = at.grid;
  config.blockDim = at.block;
  config.dynamicSmemBytes = at.shared_bytes;
  config.stream = stream();
  detail::after_launch(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...),
                       address, at);
}

}  // namespace ink::cuda
