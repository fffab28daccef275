#include "tensor/kernels/memory.h"

#include <cstdio>
#include <cstdlib>
#include <new>

#include "cuda/runtime.h"

namespace ink::cuda {

void* allocate(std::size_t bytes) {
  void* memory = nullptr;
  const cudaError_t status = cudaMalloc(&memory, bytes);
  if (status == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();
    throw std::bad_alloc();
  }
  if (status != cudaSuccess) {
    if (const auto reason = unavailable()) throw Error("[cuda] " + *reason);
    check(status, "allocate");
  }
  return memory;
}

void release(void* memory) noexcept {
  // At the end of the program the driver may already be gone: nothing is left to release.
  (void)cudaFree(memory);
}

void copy_from_host(void* dst, const void* src, std::size_t bytes) {
  if (bytes == 0) return;
  check(cudaMemcpyAsync(dst, src, bytes, cudaMemcpyHostToDevice, stream()), "copy to the GPU");
  synchronize();
}

void copy_to_host(void* dst, const void* src, std::size_t bytes) {
  if (bytes == 0) return;
  check(cudaMemcpyAsync(dst, src, bytes, cudaMemcpyDeviceToHost, stream()), "copy from the GPU");
  synchronize();
}

}  // namespace ink::cuda
