#include "tensor/kernels/upsample.h"

#include <algorithm>

#include "tensor/cpu/parallel.h"

namespace ink::cpu {

namespace {

// Rows of images per block of work, for rows of `width` elements.
Index rows_per_block(Index width) { return std::max<Index>(1, 8192 / std::max<Index>(1, width)); }

}  // namespace

void upsample_forward(Real* y, const Real* x, const UpsampleSizes& sizes) {
  const auto [n, h, w, channels, factor] = sizes;
  const Index x_row = w * channels;
  const Index y_row = x_row * factor;
  const auto body = [=, w = w, channels = channels, factor = factor](Index first, Index last) {
    for (Index row = first; row < last; ++row) {
      // Widen the row once, then repeat it.
      Real* wide = y + row * factor * y_row;
      Real* pixel = wide;
      for (Index j = 0; j < w; ++j) {
        const Real* from = x + row * x_row + j * channels;
        for (Index f = 0; f < factor; ++f) pixel = std::copy(from, from + channels, pixel);
      }
      for (Index f = 1; f < factor; ++f) std::copy(wide, wide + y_row, wide + f * y_row);
    }
  };
  parallel_blocks(n * h, rows_per_block(y_row * factor), body);
}

void upsample_backward(Real* dx, const Real* dy, const UpsampleSizes& sizes) {
  const auto [n, h, w, channels, factor] = sizes;
  const Index x_row = w * channels;
  const Index y_row = x_row * factor;
  const auto body = [=, w = w, channels = channels, factor = factor](Index first, Index last) {
    for (Index row = first; row < last; ++row) {
      for (Index j = 0; j < w; ++j) {
        Real* sum = dx + row * x_row + j * channels;
        const Real* corner = dy + row * factor * y_row + j * factor * channels;
        std::copy(corner, corner + channels, sum);
        for (Index k = 1; k < factor * factor; ++k) {
          const Real* term = corner + (k / factor) * y_row + (k % factor) * channels;
#pragma omp simd
          for (Index c = 0; c < channels; ++c) sum[c] += term[c];
        }
      }
    }
  };
  parallel_blocks(n * h, rows_per_block(y_row * factor), body);
}

}  // namespace ink::cpu
