// What the tile engine multiplies: matrices in memory, and matrices that exist only as a rule for
// where an element lies, an image seen through a window.
//
// A view is a matrix whose columns are neighbours in memory, at least `width` at a time. The
// address of an element is found in two halves, one for its line and one for its column, so that a
// thread keeps the half that does not change.
#pragma once

#include "cuda/divisor.h"
#include "cuda/runtime.h"
#include "tensor/kernels/real.h"

namespace ink::cuda {

// Element (i, j) at data[first + i stride + j step]; step is 1 but for the general product of
// gemm.cu.
struct MatrixView {
  const Real* data;
  int lines, columns;
  Index stride;
  Index step = 1;
  Index first = 0;

  struct Line {
    const Real* data;  // null outside
  };
  struct Column {
    int j;  // negative outside
  };

  __device__ Line line(int i) const { return {i < lines ? data + (first + i * stride) : nullptr}; }
  __device__ Column column(int j) const { return {j < columns ? j : -1}; }
  __device__ const Real* at(const Line& line, const Column& column) const {
    if (line.data == nullptr || column.j < 0) return nullptr;
    return line.data + column.j * step;
  }
};

// An image in a window: line (n, i, j), a pixel of the grid (grid_h, grid_w); column (a, b, c), a
// tap and a channel; the element is the image's pixel (i step + origin_h + a turn, j step +
// origin_w + b turn), zero outside (GPU.2). A convolution has step = its stride, turn = 1 (CONV.1);
// its transpose has step = 1, turn = -1 (CONV.3).
struct WindowView {
  const Real* data;
  int h, w, channels;
  int lines;
  Divisor grid_pixels, grid_w;  // grid_h grid_w, and grid_w
  int step, origin_h, origin_w;
  int columns;
  Divisor tap_channels, taps_w;  // channels, and taps in a row
  int turn;

  // Far outside, whatever is added to it once.
  static constexpr int kOutside = -(1 << 29);

  // Shares of the pixel's position, and of its place in memory.
  struct Line {
    Index place;
    int row, column;
  };
  struct Column {
    int place, row, column;
  };

  __device__ Line line(int index) const {
    if (index >= lines) return {0, kOutside, kOutside};
    const int n = grid_pixels.quotient(index), pixel = index - n * grid_pixels.value();
    const int i = grid_w.quotient(pixel), j = pixel - i * grid_w.value();
    const int row = i * step + origin_h, column = j * step + origin_w;
    return {((Index(n) * h + row) * w + column) * channels, row, column};
  }
  __device__ Column column(int index) const {
    if (index >= columns) return {0, kOutside, kOutside};
    const int tap = tap_channels.quotient(index), c = index - tap * channels;
    const int a = taps_w.quotient(tap), b = tap - a * taps_w.value();
    return {turn * (a * w + b) * channels + c, turn * a, turn * b};
  }
  __device__ const Real* at(const Line& line, const Column& column) const {
    const auto row = static_cast<unsigned>(line.row + column.row);
    const auto pixel = static_cast<unsigned>(line.column + column.column);
    const bool inside = row < static_cast<unsigned>(h) && pixel < static_cast<unsigned>(w);
    return inside ? data + (line.place + column.place) : nullptr;
  }
};

// The weights (c_out, kernel_h, kernel_w, c_in) as the transposed convolution multiplies them: line
// (a, b, o), the tap (first_u + a stride, first_v + b stride) of output channel o; column c.
struct TapsView {
  const Real* data;
  int kernel_h, kernel_w, c_in, stride;
  int first_u, first_v;
  int lines;
  Divisor c_out, taps_w;

  struct Line {
    const Real* data;
  };
  struct Column {
    int c;
  };

  __device__ Line line(int index) const {
    if (index >= lines) return {nullptr};
    const int tap = c_out.quotient(index), o = index - tap * c_out.value();
    const int a = taps_w.quotient(tap), b = tap - a * taps_w.value();
    const int u = first_u + a * stride, v = first_v + b * stride;
    return {data + ((Index(o) * kernel_h + u) * kernel_w + v) * c_in};
  }
  __device__ Column column(int c) const { return {c < c_in ? c : -1}; }
  __device__ const Real* at(const Line& line, const Column& column) const {
    if (line.data == nullptr || column.c < 0) return nullptr;
    return line.data + column.c;
  }
};

}  // namespace ink::cuda
