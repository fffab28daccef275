// The two types that every room shares: the number and the index.
#pragma once

#include <cstdint>

#ifndef INK_REAL
#define INK_REAL float
#endif

#if defined(__CUDACC__)
#define HD __host__ __device__
#else
#define HD
#endif

namespace ink {

// The one floating-point type of the library: float, or double with -DINK_REAL=double.
using Real = INK_REAL;

// Sizes, positions and strides, in elements.
using Index = std::int64_t;

// No tensor has more axes than this.
inline constexpr int kMaxAxes = 6;

}  // namespace ink
