// Sums and maxima over the lanes of a warp and over a block, always in the same order.
#pragma once

#include "cuda/runtime.h"

namespace ink::cuda {

inline constexpr unsigned kWholeWarp = 0xFFFFFFFFu;
inline constexpr int kWarp = 32;

// This thread's place in its warp, in a one-dimensional block.
__device__ inline int lane() { return static_cast<int>(threadIdx.x) % kWarp; }

// combine(...) over the 32 lanes, in every lane: a butterfly, in which all lanes add the same
// pairs.
template <class T, class Combine>
__device__ __forceinline__ T warp_reduce(T value, Combine combine) {
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    value = combine(value, __shfl_xor_sync(kWholeWarp, value, distance));
  }
  return value;
}

struct Plus {
  template <class T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a + b;
  }
};
// NaN in one of the two makes the result NaN.
struct Larger {
  template <class T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a > b || a != a ? a : b;
  }
};

template <class T>
__device__ __forceinline__ T warp_sum(T value) {
  return warp_reduce(value, Plus{});
}
template <class T>
__device__ __forceinline__ T warp_max(T value) {
  return warp_reduce(value, Larger{});
}

// combine(...) over all threads of a one-dimensional block of whole warps, in every thread. Every
// thread must call it; `identity` joins with anything to leave it as it is.
template <class T, class Combine>
__device__ __forceinline__ T block_reduce(T value, T identity, Combine combine) {
  __shared__ T partial[kWarp];
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int warps = static_cast<int>(blockDim.x) / kWarp;
  value = warp_reduce(value, combine);
  __syncthreads();  // the readers of an earlier call are done
  if (lane == 0) partial[warp] = value;
  __syncthreads();
  return warp_reduce(lane < warps ? partial[lane] : identity, combine);
}

template <class T>
__device__ __forceinline__ T block_sum(T value) {
  return block_reduce(value, T(0), Plus{});
}

}  // namespace ink::cuda
