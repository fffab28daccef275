// What the tile engine multiplies: matrices in memory, and matrices that exist only as a rule for
// where an element lies, an image seen through a window.
//
// A view is a matrix whose columns are neighbours in memory, at least `width` at a time. The
// address of an element is found in two halves, one for its line and one for its column, so that a
// thread keeps the half that does not change.
#pragma once

#include "cuda/divisor.h"
#include "cuda/runtime.h"
#include "cuda/warp.cuh"
#include "tensor/kernels/real.h"

namespace ink::cuda {

// Where an element lies; the address is that of an element only if it is inside.
struct Source {
  const Real* data;
  bool inside;
};

// Element (i, j) at data[i stride + j step]; step is 1 but for the general product of gemm.cu.
struct MatrixView {
  const Real* data;
  int lines, columns;
  int stride;
  int step = 1;

  using Line = Source;
  struct Column {
    Index place;
    bool inside;
  };

  __device__ Line line(int i) const { return {data + Index(i) * stride, i < lines}; }
  __device__ Column column(int j) const { return {Index(j) * step, j < columns}; }
  __device__ Source at(const Line& line, const Column& column) const {
    return {line.data + column.place, line.inside && column.inside};
  }
};

// An image in a window: line (n, i, j), a pixel of the grid (grid_h, grid_w); column (a, b, c), a
// tap and a channel; the element is the image's pixel (i step + origin_h + a turn, j step +
// origin_w + b turn), zero outside (GPU.2). A convolution has step = its stride, turn = 1 (CONV.1);
// its transpose has step = 1, turn = -1 (CONV.3).
struct WindowView {
  const Real* data;
  int h, w, channels;
  int image;  // h w channels
  int lines;
  Divisor grid_pixels, grid_w;  // grid_h grid_w, and grid_w
  int step, origin_h, origin_w;
  int columns;
  Divisor tap_channels, taps_w;  // channels, and taps in a row
  int turn;

  // Far outside, whatever is added to it once.
  static constexpr int kOutside = -(1 << 29);

  // The first pixel of the window, and what a tap and channel add to its place and position.
  struct Line {
    const Real* pixel;
    int row, column;

    // That which another lane of the warp has found.
    __device__ Line of_lane(int lane) const {
      const auto address = reinterpret_cast<unsigned long long>(pixel);
      return {reinterpret_cast<const Real*>(__shfl_sync(kWholeWarp, address, lane)),
              __shfl_sync(kWholeWarp, row, lane), __shfl_sync(kWholeWarp, column, lane)};
    }
  };
  struct Column {
    int place, row, column;
  };

  __device__ Line line(int index) const {
    const int n = grid_pixels.quotient(index), pixel = index - n * grid_pixels.value();
    const int i = grid_w.quotient(pixel), j = pixel - i * grid_w.value();
    const int row = i * step + origin_h, column = j * step + origin_w;
    const int place = (row * w + column) * channels;
    return {data + (Index(n) * image + place), index < lines ? row : kOutside, column};
  }
  __device__ Column column(int index) const {
    const int tap = tap_channels.quotient(index), c = index - tap * channels;
    const int a = taps_w.quotient(tap), b = tap - a * taps_w.value();
    return {turn * (a * w + b) * channels + c, index < columns ? turn * a : kOutside, turn * b};
  }
  __device__ Source at(const Line& line, const Column& tap) const {
    const auto row = static_cast<unsigned>(line.row + tap.row);
    const auto column = static_cast<unsigned>(line.column + tap.column);
    const bool inside = row < static_cast<unsigned>(h) && column < static_cast<unsigned>(w);
    return {line.pixel + tap.place, inside};
  }
};

}  // namespace ink::cuda
