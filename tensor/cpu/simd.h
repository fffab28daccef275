// The machine's vector of Real, on the vector extensions of GCC and Clang: one source for SSE,
// AVX2, AVX-512 and NEON.
#pragma once

#include <cstring>

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

// The largest lane.
inline Real maximum(Vector v) {
  Real largest = v[0];
  for (int i = 1; i < kLanes; ++i) largest = v[i] > largest ? v[i] : largest;
  return largest;
}

}  // namespace ink::cpu
