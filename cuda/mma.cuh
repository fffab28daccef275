// The tensor cores and the asynchronous copy, raw PTX behind named functions. The emulator computes
// the same fragments on the host. Without tensor cores for float (before sm_80) the products trap:
// cuda/precision.h never chooses them there.
#pragma once

#include <cuda_runtime.h>

#include <bit>
#include <cstdint>
#include <type_traits>

#if INK_CUDA_EMULATOR
#include <array>
#include <cmath>

#include "cuda/emulator/async_copy.h"
#include "cuda/emulator/block.h"
#endif

namespace ink::cuda {

// Fragments of the warp-wide products (PTX ISA, "Matrix fragments for mma"). With lane l, g = l / 4
// and t = l % 4, a lane of m16n8k8 (TF32, one number a register) holds
//   a: (g, t), (g + 8, t), (g, t + 4), (g + 8, t + 4)        of A (16, 8)
//   b: (t, g), (t + 4, g)                                    of B (8, 8)
//   d: (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1)    of D (16, 8)
// and one of m16n8k16 (bf16, two numbers a register, the lower half first)
//   a: (g, 2t..), (g + 8, 2t..), (g, 2t + 8..), (g + 8, 2t + 8..)    of A (16, 16)
//   b: (2t.., g), (2t + 8.., g)                                      of B (16, 8)
// and the same d. (GPU.5)

#if INK_CUDA_EMULATOR

// Round to nearest, ties away from zero: 10 bits of mantissa remain.
inline std::uint32_t round_to_tf32(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return std::isfinite(x) ? (bits + 0x1000u) & ~0x1fffu : bits;
}

// Round to nearest, ties to even: 7 bits of mantissa remain.
inline std::uint32_t round_to_bf16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if (std::isnan(x)) return 0x7fffu;
  return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}
inline std::uint32_t pack_bf16(float low, float high) {
  return round_to_bf16(low) | round_to_bf16(high) << 16;
}

namespace detail {

template <int kWords>
struct Fragments {
  std::uint32_t a[2 * kWords];
  std::uint32_t b[kWords];
};

// The numbers in a register: one of TF32, whose low 13 bits the hardware ignores, or two of bf16.
template <int kNumbers>
float number(std::uint32_t word, int i) {
  if (kNumbers == 1) return std::bit_cast<float>(word & ~0x1fffu);
  return std::bit_cast<float>(i == 0 ? word << 16 : word & 0xffff0000u);
}

// D += A B, each lane its four elements, k ascending.
template <int kNumbers>
void multiply_fragments(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  const Fragments<2> mine{{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  const auto& all = emulator::warp_exchange(0xffffffffu, mine);
  const unsigned lane = emulator::lane(), g = lane / 4, t = lane % 4;
  for (unsigned half = 0; half < 2; ++half)
    for (unsigned word = 0; word < 4; ++word)
      for (int i = 0; i < kNumbers; ++i) {
        const float left = number<kNumbers>(all[g * 4 + word].a[2 * half], i);
        const float left8 = number<kNumbers>(all[g * 4 + word].a[2 * half + 1], i);
        for (unsigned column = 0; column < 2; ++column) {
          const float right = number<kNumbers>(all[(2 * t + column) * 4 + word].b[half], i);
          d[column] = std::fma(left, right, d[column]);
          d[2 + column] = std::fma(left8, right, d[2 + column]);
        }
      }
}

}  // namespace detail

inline void mma_m16n8k8_tf32(float (&d)[4], const std::uint32_t (&a)[4],
                             const std::uint32_t (&b)[2]) {
  detail::multiply_fragments<1>(d, a, b);
}
inline void mma_m16n8k16_bf16(float (&d)[4], const std::uint32_t (&a)[4],
                              const std::uint32_t (&b)[2]) {
  detail::multiply_fragments<2>(d, a, b);
}

template <class Number>
void load_matrices(Number (&to)[4], const Number* row) {
  static_assert(sizeof(Number) == 4);
  const auto& rows = emulator::warp_exchange(0xffffffffu, row);
  const unsigned lane = emulator::lane();
  for (unsigned i = 0; i < 4; ++i) to[i] = rows[8 * i + lane / 4][lane % 4];
}

template <int kBytes>
void copy_async(void* shared, const void* global, bool valid) {
  emulator::start_copy(shared, global, kBytes, valid);
}
inline void copy_async_commit() { emulator::commit_copies(); }
template <int kPending>
void copy_async_wait() {
  emulator::wait_for_copies(kPending);
}

#else

// Before sm_80 there is neither cp.async nor a product of floats.
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
inline constexpr bool kAmpere = true;
#else
inline constexpr bool kAmpere = false;
#endif

// Round to nearest: 10 bits of mantissa remain. Ties go away from zero; since sm_90, which rounds
// ties to even in one instruction where the other takes two, they go there.
__device__ inline std::uint32_t round_to_tf32(float x) {
  std::uint32_t result = 0;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm("cvt.rn.tf32.f32 %0, %1;" : "=r"(result) : "f"(x));
#else
  if constexpr (kAmpere) asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(result) : "f"(x));
#endif
  return result;
}

// Round to nearest, ties to even: 7 bits of mantissa remain.
__device__ inline std::uint32_t pack_bf16(float low, float high) {
  std::uint32_t result = 0;
  if constexpr (kAmpere) asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(high), "f"(low));
  return result;
}

// D += A B.
__device__ inline void mma_m16n8k8_tf32(float (&d)[4], const std::uint32_t (&a)[4],
                                        const std::uint32_t (&b)[2]) {
  if constexpr (kAmpere)
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  else
    __trap();
}
__device__ inline void mma_m16n8k16_bf16(float (&d)[4], const std::uint32_t (&a)[4],
                                         const std::uint32_t (&b)[2]) {
  if constexpr (kAmpere)
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  else
    __trap();
}

// Four matrices of 8 rows of 16 bytes, from shared memory: lane 8 i + r says where row r of matrix
// i lies; lane 4 g + t gets number t of row g of each. (PTX ISA, "ldmatrix", which takes a number
// for two of half the size.)
template <class Number>
__device__ void load_matrices(Number (&to)[4], const Number* row) {
  static_assert(sizeof(Number) == 4);
  const auto from = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=f"(to[0]), "=f"(to[1]), "=f"(to[2]), "=f"(to[3])
               : "r"(from)
               : "memory");
}

// Starts to copy `kBytes` (4, 8, 16 or 32) from global to shared memory, zeros where not `valid`.
// Both addresses are aligned to min(kBytes, 16); `global` is read only where `valid`. The copies
// since the last commit form a group; the data is there for the thread that waited, and for others
// after a barrier.
template <int kBytes>
__device__ void copy_async(void* shared, const void* global, bool valid) {
  if constexpr (kBytes == 32) {
    copy_async<16>(shared, global, valid);
    copy_async<16>(static_cast<char*>(shared) + 16, static_cast<const char*>(global) + 16, valid);
  } else if constexpr (!kAmpere) {
    using Word = std::conditional_t<kBytes == 16, uint4,
                                    std::conditional_t<kBytes == 8, uint2, std::uint32_t>>;
    *static_cast<Word*>(shared) = valid ? *static_cast<const Word*>(global) : Word{};
  } else {
    const auto to = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
    const int bytes = valid ? kBytes : 0;
    // Past the first-level cache where the hardware can: what is in shared memory need not be
    // there.
    if constexpr (kBytes == 16)
      asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                   :
                   : "r"(to), "l"(global), "r"(bytes)
                   : "memory");
    else
      asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;"
                   :
                   : "r"(to), "l"(global), "n"(kBytes), "r"(bytes)
                   : "memory");
  }
}
__device__ inline void copy_async_commit() {
  if constexpr (kAmpere) asm volatile("cp.async.commit_group;" ::: "memory");
}
// Waits until at most `kPending` groups of this thread are under way.
template <int kPending>
__device__ void copy_async_wait() {
  if constexpr (kAmpere) asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

#endif

}  // namespace ink::cuda
