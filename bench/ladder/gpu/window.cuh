// What the rungs share: the two matrices whose product a convolution is. (GPU.2)
#pragma once

#include "cuda/runtime.h"
#include "tensor/kernels/conv2d.h"

namespace ink::ladder {

// A (pixels, depth): a row for each pixel of y, a column for each tap and input channel. B is the
// weight, (depth, c_out) with its columns one after another.
struct Matrices {
  const Real *x, *weight;
  int h, w, channels;
  int pixels, depth, c_out;

  Matrices(const Real* image, const Real* filter, const Conv2dSizes& s)
      : x(image),
        weight(filter),
        h(static_cast<int>(s.h)),
        w(static_cast<int>(s.w)),
        channels(static_cast<int>(s.c_in)),
        pixels(static_cast<int>(s.n * s.h * s.w)),
        depth(static_cast<int>(9 * s.c_in)),
        c_out(static_cast<int>(s.c_out)) {}

  // Where A's element lies in x; null where the window hangs over the edge or the matrix ends.
  __device__ const Real* left(int pixel, int k) const {
    if (pixel >= pixels || k >= depth) return nullptr;
    const int tap = k / channels, down = tap / 3 - 1, across = tap % 3 - 1;
    const int i = pixel / w % h + down, j = pixel % w + across;
    if (i < 0 || i >= h || j < 0 || j >= w) return nullptr;
    return x + Index(pixel + down * w + across) * channels + k % channels;
  }
  __device__ const Real* right(int k, int o) const {
    return k < depth && o < c_out ? weight + Index(o) * depth + k : nullptr;
  }
};

__device__ inline Real value(const Real* place) { return place == nullptr ? Real(0) : *place; }

inline unsigned tiles(Index n, Index tile) { return static_cast<unsigned>((n + tile - 1) / tile); }

}  // namespace ink::ladder
