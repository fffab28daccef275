// The machine's vector of Real, on the vector extensions of GCC and Clang: one source for SSE,
// AVX2, AVX-512 and NEON.
#pragma once

#include <cstring>
#include <type_traits>
#include <utility>

#include "tensor/kernels/real.h"

namespace ink::cpu {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif

// The number of elements in a vector.
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(Real));

// The elements of a cache line.
inline constexpr int kCacheLine = 64 / static_cast<int>(sizeof(Real));

using Vector [[gnu::vector_size(kVectorBytes)]] = Real;

inline Vector load(const Real* p) {
  Vector v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline void store(Real* p, Vector v) { std::memcpy(p, &v, sizeof v); }

inline Vector splat(Real x) { return x - Vector{}; }

// The first `count` lanes of p, the others zero.
inline Vector load_part(const Real* p, int count) {
  Vector v{};
  std::memcpy(&v, p, static_cast<std::size_t>(count) * sizeof(Real));
  return v;
}

inline void store_part(Real* p, Vector v, int count) {
  std::memcpy(p, &v, static_cast<std::size_t>(count) * sizeof(Real));
}

// The larger of each pair of lanes; b where one is NaN.
inline Vector maximum(Vector a, Vector b) { return a > b ? a : b; }

// The lanes of a followed by those of b, taken by number.
template <int... kLane>
inline Vector shuffle(Vector a, Vector b) {
#if defined(__clang__)
  return __builtin_shufflevector(a, b, kLane...);
#else
  using Lane = std::conditional_t<sizeof(Real) == 4, std::int32_t, std::int64_t>;
  using Lanes [[gnu::vector_size(kVectorBytes)]] = Lane;
  return __builtin_shuffle(a, b, Lanes{kLane...});
#endif
}

// The largest lane, by halves.
template <int kHalf = kLanes / 2>
inline Real maximum(Vector v) {
  if constexpr (kHalf == 0) {
    return v[0];
  } else {
    const Vector upper = [&]<int... i>(std::integer_sequence<int, i...>) {
      return shuffle<(i + kHalf) % kLanes...>(v, v);
    }
    (std::make_integer_sequence<int, kLanes>{});
    return maximum<kHalf / 2>(maximum(upper, v));
  }
}

// Transposes a square of kLanes rows: exchanges the off-diagonal quarters of every square of
// 2 kStep lanes, for kStep = 1, 2, 4, ...
template <int kStep = 1>
inline void transpose(Vector (&row)[kLanes]) {
  if constexpr (kStep < kLanes) {
    [&]<int... i>(std::integer_sequence<int, i...>) {
#pragma GCC unroll 16
      for (int r = 0; r < kLanes; ++r) {
        if ((r & kStep) != 0) continue;
        const Vector upper = row[r], lower = row[r + kStep];
        row[r] = shuffle<((i & kStep) != 0 ? kLanes + i - kStep : i)...>(upper, lower);
        row[r + kStep] = shuffle<((i & kStep) != 0 ? kLanes + i : i + kStep)...>(upper, lower);
      }
    }
    (std::make_integer_sequence<int, kLanes>{});
    transpose<2 * kStep>(row);
  }
}

// Copies a line: most are short, and a call to memmove would take longer than the vectors
// themselves.
inline void copy_contiguous(Real* dst, const Real* src, Index n) {
  Index i = 0;
  for (; i + kLanes <= n; i += kLanes) store(dst + i, load(src + i));
  for (; i < n; ++i) dst[i] = src[i];
}

// The transpose from memory to memory: the rows of a square, contiguous in the source, become the
// columns, contiguous in the destination.
inline void transpose_square(Real* dst, const Real* src, Index dst_stride, Index src_stride) {
  Vector row[kLanes];
#pragma GCC unroll 16
  for (int r = 0; r < kLanes; ++r) row[r] = load(src + r * src_stride);
  transpose(row);
#pragma GCC unroll 16
  for (int r = 0; r < kLanes; ++r) store(dst + r * dst_stride, row[r]);
}

}  // namespace ink::cpu
