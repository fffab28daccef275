#include "tensor/cpu/conv2d_direct.h"

#include "tensor/cpu/parallel.h"
#include "tensor/cpu/register_tile.h"
#include "tensor/cpu/scratch.h"

namespace ink::cpu {
namespace {

// One row of y in one block of channels: what its tiles have in common.
struct RowTask {
  const DirectConv& conv;
  Index i;             // the row
  Index channels;      // of the block; the weights are padded to its width
  const Real* x;       // the image
  const Real* weight;  // (kernel_h, kernel_w, c_in, width)
  const Real* zeros;   // (c_in), a pixel of the padding
  const Real* bias;    // null or at the block's first channel, as are the next two
  const Real* image_bias;
  const Real* residual;  // at the row's first pixel, as is y
  Real* y;
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
  const Index pixel_step = conv.stride * conv.c_in;
  const Index width = Vectors * kLanes;

  // The window of the first pixel has its corner at (top, left) of x.
  const Index top = task.i * conv.stride - conv.pad_top;
  const Index left = j * conv.stride - conv.pad_left;
  const Index right = left + (Pixels - 1) * conv.stride;

  // Skip the taps above and below the image.
  const Index u_first = std::clamp<Index>(-top, 0, conv.kernel_h);
  const Index u_last = std::clamp<Index>(conv.h - top, u_first, conv.kernel_h);

  // The taps [v_first, v_last) find all pixels inside the image. In x and in the weights they are
  // neighbours: one run.
  const Index v_first = std::clamp<Index>(-left, 0, conv.kernel_w);
  const Index v_last = std::clamp<Index>(conv.w - right, v_first, conv.kernel_w);

  Vector sum[Pixels][Vectors] = {};
  for (Index u = u_first; u < u_last; ++u) {
    const Real* x_row = task.x + (top + u) * conv.w * conv.c_in;
    const Real* weight_row = task.weight + u * conv.kernel_w * conv.c_in * width;
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

  const Index at = j * conv.y_pixel;
  store_tile({task.y + at, conv.y_pixel, task.channels, task.bias, task.image_bias,
              shifted(task.residual, at)},
             sum);
}

template <int Vectors>
void convolve_row(const RowTask& task) {
  for_each_tile<strided_tile_rows(Vectors)>(
      task.conv.columns, [&](auto pixels, Index j) { convolve_tile<Vectors, pixels>(task, j); });
}

}  // namespace

void pack_weight(Real* packed, const Conv2dMap& map) {
  const DirectConv& conv = map.conv;
  const WeightView& weight = map.weight;
  const Index taps = conv.kernel_h * conv.kernel_w;
  parallel_blocks(column_blocks(conv.c_out) * taps, 1, [&](Index unit, Index) {
    const ColumnBlock block = column_block(conv.c_out, unit / taps);
    const Index tap = unit % taps, u = tap / conv.kernel_w, v = tap % conv.kernel_w;
    pack_columns(packed + (block.first * taps + tap * block.width()) * conv.c_in,
                 weight.data + u * weight.row + v * weight.column, weight.input, weight.output,
                 conv.c_in, block);
  });
}

void convolve_direct(Real* y, const Real* x, const Conv2dEpilogue& epilogue, const Conv2dMap& map) {
  const DirectConv& conv = map.conv;
  const Index inner = conv.kernel_h * conv.kernel_w * conv.c_in;
  const Scratch<Real> packed(padded_columns(conv.c_out) * inner), zeros(conv.c_in);
  pack_weight(packed.data(), map);
  std::fill_n(zeros.data(), conv.c_in, Real(0));

  // A thread takes rows worth about two million operations at a time.
  const Index operations = 2 * conv.columns * conv.c_out * std::max<Index>(inner, 1);
  const Index rows = std::max<Index>(1, 2'000'000 / operations);
  parallel_blocks(conv.n * conv.rows, rows, [&](Index first, Index last) {
    for (Index b = 0; b < column_blocks(conv.c_out); ++b) {
      const ColumnBlock block = column_block(conv.c_out, b);
      const Index o = block.first;
      for (Index row = first; row < last; ++row) {
        const Index image = row / conv.rows, i = row % conv.rows;
        const Index at = image * conv.y_image + i * conv.y_row + o;
        const RowTask task{conv,
                           i,
                           block.count,
                           x + image * conv.h * conv.w * conv.c_in,
                           packed.data() + o * inner,
                           zeros.data(),
                           shifted(epilogue.bias, o),
                           shifted(epilogue.image_bias, image * conv.c_out + o),
                           shifted(epilogue.residual, at),
                           y + at};
        block.vectors == 2 ? convolve_row<2>(task) : convolve_row<1>(task);
      }
    }
  });
}

}  // namespace ink::cpu
