// The loop that most kernels are: an index for every element, 16 bytes at a time where they lie
// aligned.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cuda/runtime.h"
#include "tensor/kernels/real.h"

namespace ink::cuda {

// Threads of a block, and the most blocks of a launch: some waves on the largest chip.
inline constexpr unsigned kThreads = 256;
inline constexpr Index kMostBlocks = 4096;

// A launch of one thread for each of n items, or fewer threads that take several in turn.
inline Launch launch_for(Index n) {
  const Index blocks = std::min((n + kThreads - 1) / kThreads, kMostBlocks);
  return {dim3(static_cast<unsigned>(blocks)), dim3(kThreads)};
}

// The indices first <= i < last that this thread takes: `for (const Index i : indices(n))` visits
// each index once, in some thread of the launch.
struct Indices {
  struct Iterator {
    Index i, step;
    __device__ Index operator*() const { return i; }
    __device__ void operator++() { i += step; }
    __device__ bool operator!=(const Iterator& end) const { return i < end.i; }
  };
  Index first, last;
  __device__ Iterator begin() const {
    const Index thread = Index{blockIdx.x} * blockDim.x + threadIdx.x;
    return {first + thread, Index{gridDim.x} * blockDim.x};
  }
  __device__ Iterator end() const { return {last, 0}; }
};

__device__ inline Indices indices(Index n) { return {0, n}; }
__device__ inline Indices indices(Index first, Index last) { return {first, last}; }

// As many numbers as one thread reads or writes at once: 16 bytes.
inline constexpr int kPack = static_cast<int>(16 / sizeof(Real));

template <int Width>
struct alignas(Width * sizeof(Real)) Pack {
  Real value[Width];
};

// Pack i of an array.
template <int Width>
__device__ Pack<Width> load_pack(const Real* x, Index i) {
  return reinterpret_cast<const Pack<Width>*>(x)[i];
}

template <int Width>
__device__ void store_pack(Real* x, Index i, const Pack<Width>& pack) {
  reinterpret_cast<Pack<Width>*>(x)[i] = pack;
}

// Whether all the addresses are those of packs.
template <class... P>
bool packs_aligned(const P*... address) {
  return (... && (reinterpret_cast<std::uintptr_t>(address) % sizeof(Pack<kPack>) == 0));
}

}  // namespace ink::cuda
