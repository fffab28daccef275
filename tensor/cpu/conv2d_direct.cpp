#include "tensor/cpu/conv2d_direct.h"

#include <deque>

#include "tensor/cpu/parallel.h"
#include "tensor/cpu/register_tile.h"

namespace ink::cpu {
namespace {

// One row of y in one block of channels: what its tiles have in common.
struct RowTask {
  const DirectConv& conv;
  Index kernel_h;      // taps that find the row inside the image
  Index channels;      // of the block; the weights are padded to its width
  const Real* x;       // the row of the image that the first of them reads
  const Real* weight;  // (kernel_h, kernel_w, c_in, width)
  const Real* zeros;   // (c_in), a pixel of the padding
  const Real* bias;    // null or at the block's first channel, as are the next two
  const Real* image_bias;
  const Real* residual;  // at the row's first pixel, as is y
  Real* y;

  // Stores the pixels from column j on.
  template <int Pixels, int Vectors>
  [[gnu::always_inline]] void store(const Vector (&sum)[Pixels][Vectors], Index j) const {
    const Index at = j * conv.y_pixel;
    store_tile({y + at, conv.y_pixel, channels, bias, image_bias, shifted(residual, at)}, sum);
  }
};

// A tap that some pixels of the tile find outside the image: those read a pixel of zeros.
template <int Pixels, int Vectors>
[[gnu::always_inline]] inline void accumulate_clipped(Vector (&sum)[Pixels][Vectors],
                                                      const RowTask& task, const Real* x_row,
                                                      Index column, const Real* tap) {
  const DirectConv& conv = task.conv;
  const Real* pixel[Pixels];
#pragma GCC unroll 24
  for (int p = 0; p < Pixels; ++p, column += conv.stride)
    pixel[p] = column >= 0 && column < conv.w ? x_row + column * conv.c_in : task.zeros;
  for (Index c = 0; c < conv.c_in; ++c) {
#pragma GCC unroll 24
    for (int p = 0; p < Pixels; ++p) {
      const Vector x_pc = splat(pixel[p][c]);
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) sum[p][v] += x_pc * load(tap + (c * Vectors + v) * kLanes);
    }
  }
}

// A tile of `Pixels` neighbouring pixels, the first in column j of y. (CONV.1)
template <int Vectors, int Pixels>
[[gnu::noinline]] void convolve_tile(const RowTask& task, Index j) {
  const DirectConv& conv = task.conv;
  const Index pixel_step = conv.stride * conv.c_in, x_step = conv.w * conv.c_in;
  const Index width = Vectors * kLanes, weight_step = conv.kernel_w * conv.c_in * width;

  // The first and the last pixel's windows begin in these columns of x.
  const Index left = j * conv.stride - conv.pad_left;
  const Index right = left + (Pixels - 1) * conv.stride;

  // The taps [v_first, v_last) find all pixels inside the image. In x and in the weights they are
  // neighbours: one run.
  const Index v_first = std::clamp<Index>(-left, 0, conv.kernel_w);
  const Index v_last = std::clamp<Index>(conv.w - right, v_first, conv.kernel_w);

  Vector sum[Pixels][Vectors] = {};
  for (Index u = 0; u < task.kernel_h; ++u) {
    const Real* x_row = task.x + u * x_step;
    const Real* weight_row = task.weight + u * weight_step;
    const auto tap = [&](Index v) { return weight_row + v * conv.c_in * width; };
    const auto pixel = [&](Index column) { return x_row + column * conv.c_in; };

    for (Index v = 0; v < v_first; ++v) {
      if (-left - v <= conv.stride && conv.w > right + v)
        accumulate<1, Pixels>(sum, pixel(left + v + conv.stride), pixel_step, 1, tap(v), width,
                              conv.c_in);
      else
        accumulate_clipped(sum, task, x_row, left + v, tap(v));
    }
    accumulate<0, Pixels>(sum, pixel(left + v_first), pixel_step, 1, tap(v_first), width,
                          (v_last - v_first) * conv.c_in);
    for (Index v = v_last; v < conv.kernel_w; ++v) {
      if (left + v >= 0 && right + v - conv.stride < conv.w)
        accumulate<0, Pixels - 1>(sum, pixel(left + v), pixel_step, 1, tap(v), width, conv.c_in);
      else
        accumulate_clipped(sum, task, x_row, left + v, tap(v));
    }
  }
  task.store(sum, j);
}

// The same of a tile whose windows lie inside the image from left to right: what there is to find
// out about edges would take a tenth of the time of few channels and taps.
template <int Vectors, int Pixels>
[[gnu::noinline]] void convolve_inner_tile(const RowTask& task, Index j) {
  const DirectConv& conv = task.conv;
  const Index pixel_step = conv.stride * conv.c_in, x_step = conv.w * conv.c_in;
  const Index width = Vectors * kLanes, inner = conv.kernel_w * conv.c_in;
  const Real* x = task.x + j * pixel_step - conv.pad_left * conv.c_in;
  const Real* weight = task.weight;
  Vector sum[Pixels][Vectors] = {};
  for (Index u = 0; u < task.kernel_h; ++u, x += x_step, weight += inner * width)
    accumulate<0, Pixels>(sum, x, pixel_step, 1, weight, width, inner);
  task.store(sum, j);
}

// A tile that reads a pixel of x once for all taps over it, which needs registers for a row of
// weights: with one vector of results, convolve_tile would have an element to read for every
// multiplication. Only the first and the last column of the windows can lie outside the image.
//
// Channels: those of x where there is but one, and the addresses of the pixels are known when this
// is compiled; else 0.
template <int Taps, int Stride, int Channels, int Vectors, int Pixels>
[[gnu::noinline]] void convolve_window_tile(const RowTask& task, Index j) {
  const DirectConv& conv = task.conv;
  constexpr int kLast = (Pixels - 1) * Stride + Taps - 1;  // the last of the columns 0, 1, ...
  const Index c_in = Channels > 0 ? Channels : conv.c_in, tap_step = c_in * Vectors * kLanes;
  const Index left = j * Stride - conv.pad_left;
  const Real* x = task.x + left * c_in;
  const Real* weight = task.weight;
  Vector sum[Pixels][Vectors] = {};
  for (Index u = 0; u < task.kernel_h; ++u, x += conv.w * c_in, weight += Taps * tap_step) {
    const Real* first = left >= 0 ? x : task.zeros;
    const Real* last = left + kLast < conv.w ? x + kLast * c_in : task.zeros;
    for (Index c = 0; c < c_in; ++c) {
      Vector tap[Taps][Vectors];
#pragma GCC unroll 3
      for (int v = 0; v < Taps; ++v)
#pragma GCC unroll 4
        for (int o = 0; o < Vectors; ++o)
          tap[v][o] = load(weight + v * tap_step + (c * Vectors + o) * kLanes);
#pragma GCC unroll 32
      for (int q = kLast; q >= 0; --q) {
        const Vector x_qc = splat(q == 0 ? first[c] : q == kLast ? last[c] : x[q * c_in + c]);
#pragma GCC unroll 3
        for (int v = Taps - 1; v >= 0; --v) {
          const int p = (q - v) / Stride;  // has its tap v over the column q
          if (q < v || (q - v) % Stride != 0 || p >= Pixels) continue;
#pragma GCC unroll 4
          for (int o = 0; o < Vectors; ++o) sum[p][o] += x_qc * tap[v][o];
        }
      }
    }
  }
  task.store(sum, j);
}

// The row by such tiles, if they suit: two vectors of results profit where there are few input
// channels, whose windows are short runs.
template <int Vectors>
bool convolve_windows(const RowTask& task) {
  // Sums that leave registers for three rows of weights and a pixel; fourteen cut rows of 28
  // evenly.
  constexpr int kPixels = kVectorRegisters == 32 ? 14 / Vectors : Vectors == 1 ? 12 : 4;
  const DirectConv& conv = task.conv;
  const Index end = (conv.columns - 1) * conv.stride - conv.pad_left + conv.kernel_w;
  const bool inside = conv.pad_left >= 0 && conv.pad_left <= 1 && end <= conv.w + 1;
  if (!inside || (Vectors > 1 && conv.c_in >= kLanes)) return false;
  const auto convolve = [&]<int Taps, int Stride, int Channels = 0>() {
    for_each_tile<kPixels>(conv.columns, [&](auto pixels, Index j) {
      convolve_window_tile<Taps, Stride, Channels, Vectors, pixels>(task, j);
    });
    return true;
  };
  if (conv.kernel_w == 3 && conv.stride == 1 && conv.c_in == 1)
    return convolve.template operator()<3, 1, 1>();
  if (conv.kernel_w == 3 && conv.stride == 1) return convolve.template operator()<3, 1>();
  if (conv.kernel_w == 3 && conv.stride == 2) return convolve.template operator()<3, 2>();
  if (conv.kernel_w == 2 && conv.stride == 1) return convolve.template operator()<2, 1>();
  return false;
}

template <int Vectors>
void convolve_row(const RowTask& task) {
  if (convolve_windows<Vectors>(task)) return;
  const DirectConv& conv = task.conv;
  for_each_tile<strided_tile_rows(Vectors)>(conv.columns, [&](auto pixels, Index j) {
    const Index left = j * conv.stride - conv.pad_left;
    const bool inside = left >= 0 && left + (pixels - 1) * conv.stride + conv.kernel_w <= conv.w;
    inside ? convolve_inner_tile<Vectors, pixels>(task, j)
           : convolve_tile<Vectors, pixels>(task, j);
  });
}

// Lays the weights out as (block of channels, kernel_h, kernel_w, c_in, width of the block), for
// padded_columns(c_out) channels. Few weights are laid out by one thread.
void pack_weight(Real* packed, const Conv2dMap& map) {
  constexpr Index kGrain = 16384;
  const DirectConv& conv = map.conv;
  const WeightView& weight = map.weight;
  const Index taps = conv.kernel_h * conv.kernel_w;
  const Index grain = std::max<Index>(1, kGrain / std::max<Index>(1, conv.c_in * kTileWidth));
  parallel_blocks(column_blocks(conv.c_out) * taps, grain, [&](Index first, Index last) {
    for (Index unit = first; unit < last; ++unit) {
      const ColumnBlock block = column_block(conv.c_out, unit / taps);
      const Index tap = unit % taps, u = tap / conv.kernel_w, v = tap % conv.kernel_w;
      pack_columns(packed + (block.first * taps + tap * block.width()) * conv.c_in,
                   weight.data + u * weight.row + v * weight.column, weight.input, weight.output,
                   conv.c_in, block);
    }
  });
}

}  // namespace

DirectConvolution::DirectConvolution(const Conv2dMap& map)
    : conv_(map.conv),
      packed_(packed(map, Form::direct,
                     padded_columns(conv_.c_out) * conv_.kernel_h * conv_.kernel_w * conv_.c_in,
                     [&](Real* to) { pack_weight(to, map); })),
      zeros_(conv_.c_in) {
  std::fill_n(zeros_.data(), conv_.c_in, Real(0));
}

Index DirectConvolution::row_operations() const {
  const Index inner = conv_.kernel_h * conv_.kernel_w * conv_.c_in;
  return 2 * conv_.columns * conv_.c_out * std::max<Index>(inner, 1);
}

void DirectConvolution::run(Real* y, const Real* x, const Conv2dEpilogue& epilogue, Index first,
                            Index last) const {
  const Index inner_row = conv_.kernel_w * conv_.c_in, inner = conv_.kernel_h * inner_row;
  for (Index b = 0; b < column_blocks(conv_.c_out); ++b) {
    const ColumnBlock block = column_block(conv_.c_out, b);
    const Index o = block.first;
    for (Index row = first; row < last; ++row) {
      const Index image = row / conv_.rows, i = row % conv_.rows;
      const Index at = image * conv_.y_image + i * conv_.y_row + o;
      // The taps above and below the image are skipped.
      const Index top = i * conv_.stride - conv_.pad_top;
      const Index u = std::clamp<Index>(-top, 0, conv_.kernel_h);
      const Index u_last = std::clamp<Index>(conv_.h - top, u, conv_.kernel_h);
      const RowTask task{conv_,
                         u_last - u,
                         block.count,
                         x + (image * conv_.h + top + u) * conv_.w * conv_.c_in,
                         packed_->data() + o * inner + u * inner_row * block.width(),
                         zeros_.data(),
                         shifted(epilogue.bias, o),
                         shifted(epilogue.image_bias, image * conv_.c_out + o),
                         shifted(epilogue.residual, at),
                         y + at};
      block.vectors == 2 ? convolve_row<2>(task) : convolve_row<1>(task);
    }
  }
}

namespace {
// What a thread takes at a time.
constexpr Index kBlockOperations = 1'000'000;
}  // namespace

void convolve_direct(Real* y, const Real* x, const Conv2dEpilogue& epilogue, const Conv2dMap& map) {
  const DirectConvolution convolution(map);
  const Index rows = std::max<Index>(1, kBlockOperations / convolution.row_operations());
  parallel_blocks(map.conv.n * map.conv.rows, rows,
                  [&](Index first, Index last) { convolution.run(y, x, epilogue, first, last); });
}

void backward_data_strided(Real* dx, const Real* dy, const Real* weight, const Conv2dSizes& s) {
  struct PixelClass {
    PixelClass(Real* first, const Conv2dMap& map)
        : dx(first), rows(map.conv.rows), convolution(map) {}
    Real* dx;
    Index rows;
    DirectConvolution convolution;
  };
  std::deque<PixelClass> classes;  // which stay where they are
  Index operations = 0;            // of an image
  for (Index r = 0; r < std::min(s.stride, s.h); ++r)
    for (Index q = 0; q < std::min(s.stride, s.w); ++q) {
      const Conv2dMap map = backward_map(weight, s, r, q);
      classes.emplace_back(dx + (r * s.w + q) * s.c_in, map);
      operations += classes.back().rows * classes.back().convolution.row_operations();
    }
  const Index images = std::max<Index>(1, kBlockOperations / std::max<Index>(1, operations));
  parallel_blocks(s.n, images, [&](Index first, Index last) {
    for (const PixelClass& c : classes)
      c.convolution.run(c.dx, dy, {}, first * c.rows, last * c.rows);
  });
}

}  // namespace ink::cpu
