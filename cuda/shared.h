// A block's dynamic shared memory: as many bytes as the launch asked for.
#pragma once

#include "cuda/runtime.h"

namespace ink::cuda {

// The same memory for every thread of the block and for every T, aligned to 16 bytes.
template <class T>
__device__ T* dynamic_shared() {
#if INK_CUDA_EMULATOR
  return static_cast<T*>(emulator::dynamic_shared_memory());
#else
  extern __shared__ __align__(16) unsigned char memory[];
  return reinterpret_cast<T*>(memory);
#endif
}

}  // namespace ink::cuda
