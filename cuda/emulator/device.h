// What a kernel may use of CUDA C++, on the host: keywords, intrinsics, shuffles, atomics.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "cuda/emulator/block.h"
#include "cuda/emulator/sanitizer.h"

// The one place where macros are due: nvcc's keywords are no C++.
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(bytes) alignas(bytes)
#if defined(INK_ADDRESS_SANITIZER)
#define __shared__ static
#else
#define __shared__ static thread_local
#endif

// ---- barriers and fences ---------------------------------------------------------------------

inline void __syncthreads(
    const ink::emulator::Location& where = ink::emulator::Location::current()) {
  ink::emulator::block_barrier(where);
}
inline void __syncwarp(unsigned mask = ~0u,
                       const ink::emulator::Location& where = ink::emulator::Location::current()) {
  ink::emulator::warp_exchange(mask, char{}, where);
}
inline void __threadfence() {}
inline void __threadfence_block() {}

// ---- shuffles and votes ----------------------------------------------------------------------

// The value that lane `source` of the same segment of `width` lanes gives.
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = warpSize,
              const ink::emulator::Location& where = ink::emulator::Location::current()) {
  const auto& values = ink::emulator::warp_exchange(mask, value, where);
  const int lane = static_cast<int>(ink::emulator::lane());
  return values[static_cast<unsigned>((lane & ~(width - 1)) | (source & (width - 1)))];
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                 const ink::emulator::Location& where = ink::emulator::Location::current()) {
  const auto& values = ink::emulator::warp_exchange(mask, value, where);
  const int lane = static_cast<int>(ink::emulator::lane());
  const int source = lane - static_cast<int>(delta);
  return values[static_cast<unsigned>(source < (lane & ~(width - 1)) ? lane : source)];
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                   const ink::emulator::Location& where = ink::emulator::Location::current()) {
  const auto& values = ink::emulator::warp_exchange(mask, value, where);
  const int lane = static_cast<int>(ink::emulator::lane());
  const int source = lane + static_cast<int>(delta);
  return values[static_cast<unsigned>(source > (lane | (width - 1)) ? lane : source)];
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = warpSize,
                  const ink::emulator::Location& where = ink::emulator::Location::current()) {
  const auto& values = ink::emulator::warp_exchange(mask, value, where);
  const int lane = static_cast<int>(ink::emulator::lane());
  const int source = lane ^ lane_mask;
  return values[static_cast<unsigned>(source > (lane | (width - 1)) ? lane : source)];
}

// One bit for each lane of the mask that has not ended: whether its predicate holds.
inline unsigned __ballot_sync(
    unsigned mask, int predicate,
    const ink::emulator::Location& where = ink::emulator::Location::current()) {
  const auto& values = ink::emulator::warp_exchange(mask, predicate, where);
  unsigned bits = 0;
  for (unsigned i = 0; i < ink::emulator::kWarpSize; ++i) bits |= unsigned{values[i] != 0} << i;
  return bits & mask & ink::emulator::living_lanes();
}
inline int __any_sync(unsigned mask, int predicate,
                      const ink::emulator::Location& where = ink::emulator::Location::current()) {
  return __ballot_sync(mask, predicate, where) != 0;
}
inline int __all_sync(unsigned mask, int predicate,
                      const ink::emulator::Location& where = ink::emulator::Location::current()) {
  return __ballot_sync(mask, predicate == 0, where) == 0;
}

// ---- atomics: on integers only, as sums of floating-point numbers depend on their order --------

template <class T>
T atomicAdd(T* address, T value) {
  static_assert(std::is_integral_v<T>, "a floating-point atomic is not deterministic");
  const T old = *address;
  *address = static_cast<T>(old + value);
  return old;
}
template <class T>
T atomicSub(T* address, T value) {
  return atomicAdd(address, static_cast<T>(T{} - value));
}
template <class T>
T atomicMax(T* address, T value) {
  static_assert(std::is_integral_v<T>);
  const T old = *address;
  *address = std::max(old, value);
  return old;
}
template <class T>
T atomicMin(T* address, T value) {
  static_assert(std::is_integral_v<T>);
  const T old = *address;
  *address = std::min(old, value);
  return old;
}
template <class T>
T atomicExch(T* address, T value) {
  const T old = *address;
  *address = value;
  return old;
}
template <class T>
T atomicCAS(T* address, T expected, T value) {
  const T old = *address;
  if (old == expected) *address = value;
  return old;
}
template <class T>
T atomicOr(T* address, T value) {
  static_assert(std::is_integral_v<T>);
  const T old = *address;
  *address = static_cast<T>(old | value);
  return old;
}

// ---- arithmetic ------------------------------------------------------------------------------

// clang-format off
template <class T> T __ldg(const T* address) { return *address; }

inline int      __popc(unsigned x)                         { return std::popcount(x); }
inline int      __clz(int x)                               { return std::countl_zero(static_cast<unsigned>(x)); }
inline int      __ffs(int x)                               { return x == 0 ? 0 : std::countr_zero(static_cast<unsigned>(x)) + 1; }
inline unsigned __umulhi(unsigned a, unsigned b)           { return static_cast<unsigned>(std::uint64_t{a} * b >> 32); }

inline unsigned __float_as_uint(float x)                   { return std::bit_cast<unsigned>(x); }
inline int      __float_as_int(float x)                    { return std::bit_cast<int>(x); }
inline float    __uint_as_float(unsigned x)                { return std::bit_cast<float>(x); }
inline float    __int_as_float(int x)                      { return std::bit_cast<float>(x); }

inline float    rsqrtf(float x)                            { return 1 / std::sqrt(x); }
inline float    rsqrt(float x)                             { return 1 / std::sqrt(x); }
inline double   rsqrt(double x)                            { return 1 / std::sqrt(x); }

inline int       min(int a, int b)                         { return b < a ? b : a; }
inline unsigned  min(unsigned a, unsigned b)               { return b < a ? b : a; }
inline long      min(long a, long b)                       { return b < a ? b : a; }
inline long long min(long long a, long long b)             { return b < a ? b : a; }
inline float     min(float a, float b)                     { return std::fmin(a, b); }
inline double    min(double a, double b)                   { return std::fmin(a, b); }
inline int       max(int a, int b)                         { return a < b ? b : a; }
inline unsigned  max(unsigned a, unsigned b)               { return a < b ? b : a; }
inline long      max(long a, long b)                       { return a < b ? b : a; }
inline long long max(long long a, long long b)             { return a < b ? b : a; }
inline float     max(float a, float b)                     { return std::fmax(a, b); }
inline double    max(double a, double b)                   { return std::fmax(a, b); }
// clang-format on
