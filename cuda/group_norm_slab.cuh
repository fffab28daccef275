// How the threads of a block share a slab: neighbouring groups of one image, wide enough that a
// pixel's channels fill whole sectors of memory.
//
//            threadIdx.x:  0 1 2 3 | a row of threads, kVector channels each
//                          4 5 6 7 | the next pixel
//                          8 9 ... |
//
// A thread meets the same channels at every pixel it visits, so that gamma, beta and the sums by
// channel stay in its registers.
#pragma once

#include <cstdint>
#include <type_traits>

#include "cuda/runtime.h"
#include "cuda/shared.h"
#include "cuda/warp.cuh"
#include "tensor/kernels/group_norm.h"

namespace ink::cuda {

// Threads of a block and of a row of it at most, and pixels that a thread holds at a time.
inline constexpr int kSlabThreads = 512;
inline constexpr int kSlabColumns = 128;
inline constexpr int kSlabPixels = 4;

// Channels that one load of 16 bytes brings.
inline constexpr int kVector = 16 / sizeof(Real);

// V neighbouring channels, read and written at once.
template <int V>
struct alignas(V * sizeof(Real)) Channels {
  Real at[V];
};

struct Slabs {
  int pixels;
  int channels;
  int group;    // channels of a group
  int groups;   // of an image
  int width;    // channels of a slab: whole groups
  int columns;  // threads side by side
  int rows;     // threads below each other, each at a pixel of its own
  int vector;   // channels of a thread
  Real epsilon;

  // Channels under a row of threads. A slab is wider only where a single group is.
  HD int step() const { return columns * vector; }
  // Odd, so that the sums of neighbouring channels lie in different banks of shared memory.
  HD int stride() const { return rows | 1; }
  // Of a group.
  HD Real values() const { return static_cast<Real>(pixels) * static_cast<Real>(group); }
  HD int per_image() const { return (channels + width - 1) / width; }
  // Whether a thread sees no more than it holds.
  bool fits() const { return width <= step() && pixels <= rows * kSlabPixels; }
};

// The work of one thread.
struct Place {
  Index image;
  int channel;  // the first of the slab
  int width;    // channels of this slab; the last of an image may be narrower
  int column;   // the first channel of the thread, counted from the slab's
  int row;      // its first pixel; `pixels` where the block has more threads than places

  __device__ explicit Place(const Slabs& s)
      : image(blockIdx.x / s.per_image()),
        channel(static_cast<int>(blockIdx.x % s.per_image()) * s.width),
        width(min(s.width, s.channels - channel)),
        column(static_cast<int>(threadIdx.x) % s.columns * s.vector),
        row(static_cast<int>(threadIdx.x) / s.columns) {
    if (row >= s.rows) row = s.pixels;
  }

  // Where the slab begins in an array (n, pixels, channels), and its groups in one of (n, groups).
  __device__ Index slab(const Slabs& s) const { return image * s.pixels * s.channels + channel; }
  __device__ Index first_group(const Slabs& s) const {
    return image * s.groups + channel / s.group;
  }
};

// Calls body(c) for the first of every V channels of the slab that the thread has to do with; kOnce
// says that there is no more than one.
template <bool kOnce, class Body>
__device__ void for_channels(const Place& at, const Slabs& s, const Body& body) {
  if constexpr (kOnce) {
    if (at.column < at.width) body(at.column);
  } else {
    for (int c = at.column; c < at.width; c += s.step()) body(c);
  }
}
// Calls body(pixel) for the first of every kSlabPixels pixels in the same way.
template <bool kOnce, class Body>
__device__ void for_pixels(const Place& at, const Slabs& s, const Body& body) {
  if constexpr (kOnce) {
    if (at.row < s.pixels) body(at.row);
  } else {
    for (int p = at.row; p < s.pixels; p += kSlabPixels * s.rows) body(p);
  }
}

// rows[i] = V channels of pixel first + i * s.rows, for as many as there are, which is returned.
template <int V>
__device__ int load_pixels(Channels<V> (&rows)[kSlabPixels], const Real* x, int first,
                           const Slabs& s) {
  int count = 0;
#pragma unroll
  for (int i = 0; i < kSlabPixels; ++i) {
    const int pixel = first + i * s.rows;
    rows[i] = {};
    if (pixel >= s.pixels) continue;
    rows[i] = *reinterpret_cast<const Channels<V>*>(x + static_cast<Index>(pixel) * s.channels);
    ++count;
  }
  return count;
}

template <int V>
__device__ void store_pixels(Real* y, const Channels<V> (&rows)[kSlabPixels], int first,
                             const Slabs& s) {
#pragma unroll
  for (int i = 0; i < kSlabPixels; ++i) {
    const int pixel = first + i * s.rows;
    if (pixel < s.pixels)
      *reinterpret_cast<Channels<V>*>(y + static_cast<Index>(pixel) * s.channels) = rows[i];
  }
}

// One number for each channel and thread, to be summed over threads: partial[channel, row], the
// rows `stride` long. What fills a row up is zero.
template <int V>
__device__ void store_partial(Real* partial, const Real (&value)[V], const Place& at,
                              const Slabs& s) {
  if (at.row >= s.rows) return;
#pragma unroll
  for (int v = 0; v < V; ++v) {
    Real* row = partial + (at.column + v) * s.stride();
    row[at.row] = value[v];
    if (at.row == 0 && s.stride() > s.rows) row[s.rows] = 0;
  }
}

// Calls body(i) for i < count, a warp for each.
template <class Body>
__device__ void for_each_warp(int count, const Body& body) {
  const int warps = static_cast<int>(blockDim.x) / kWarp;
  for (int i = static_cast<int>(threadIdx.x) / kWarp; i < count; i += warps) body(i);
}

// The sum of x[first, last), by one warp; all of its lanes get it.
__device__ inline Real sum_range(const Real* x, int first, int last) {
  Real sum = 0;
  for (int i = first + static_cast<int>(threadIdx.x) % kWarp; i < last; i += kWarp) sum += x[i];
  return warp_sum(sum);
}

// ---- on the host -------------------------------------------------------------------------------

// How to lay blocks over the slabs of an image; with `vectors`, pointers are aligned to 16 bytes.
Slabs plan_slabs(const GroupNormSizes& sizes, bool vectors);

// One block for each slab. It keeps `arrays` numbers in shared memory for each channel and row of
// threads, and `sums` more for each channel.
Launch launch_of(const Slabs& slabs, Index images, int arrays, int sums);

// Whether vectors can be read and written there.
inline bool is_aligned(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
}

// Calls body with a constant for each argument.
template <class Body>
void with_constant(bool flag, const Body& body) {
  flag ? body(std::true_type{}) : body(std::false_type{});
}
template <class Body>
void with_vector(int vector, const Body& body) {
  if (vector == kVector)
    body(std::integral_constant<int, kVector>{});
  else
    body(std::integral_constant<int, 1>{});
}

}  // namespace ink::cuda
