// The gradient of a convolution with respect to its weights: a matrix product over the pixels of
// all images.
#include "tensor/cpu/parallel.h"
#include "tensor/cpu/register_tile.h"
#include "tensor/cpu/scratch.h"
#include "tensor/kernels/conv2d.h"

namespace ink::cpu {
namespace {

// How the sum over pixels is cut: it follows from the sizes alone, and with it the order of every
// addition.
struct Cut {
  Index out_h, out_w;
  Index rows;        // of dy, over all images
  Index chunk_rows;  // that are summed on their own
  Index chunks;
  Index band_rows;      // of a chunk, of which one block of channels fits the first-level cache
  Index taps;           // kernel_h * kernel_w * c_in
  Index partial_row;    // c_out, padded to whole vectors
  Index partial_chunk;  // a chunk's sums: (taps + 1, partial_row), the last row is dbias
};

Cut cut(const Conv2dSizes& s) {
  constexpr Index kPixelsPerChunk = 2048, kMaxChunks = 16, kBandBytes = 24 * 1024;
  const Index out_h = s.out_h(), out_w = s.out_w(), rows = s.n * out_h;
  const Index wanted = std::clamp<Index>(rows * out_w / kPixelsPerChunk, 1, kMaxChunks);
  const Index chunk_rows = divide_up(rows, wanted);
  const Index row_bytes = out_w * kTileWidth * static_cast<Index>(sizeof(Real));
  const Index band_rows = std::clamp<Index>(kBandBytes / row_bytes, 1, chunk_rows);
  const Index taps = s.kernel_h * s.kernel_w * s.c_in, partial_row = padded_columns(s.c_out);
  return {out_h,
          out_w,
          rows,
          chunk_rows,
          divide_up(rows, chunk_rows),
          band_rows,
          taps,
          partial_row,
          (taps + 1) * partial_row};
}

// Rows of dy, counted over all images, seen through one block of channels.
struct Band {
  Index first, last;
  const Real* dy;  // the block's first channel at the first pixel
  Index dy_pixel;  // from one pixel to the next
};

// What a thread computes at a time: one kernel row u, one block of output channels, one chunk.
struct Task {
  const Conv2dSizes& sizes;
  const Cut& cut;
  Index u;
  ColumnBlock block;
  const Real* x;
  Real* partial;  // of the chunk and block: (taps + 1, width), partial_row apart
};

// Adds a band to one tile of dw: `Channels` input channels from c on, under the tap (u, v).
// (CONV.2)
template <int Vectors, int Channels>
[[gnu::noinline]] void accumulate_tile(const Task& task, const Band& band, Index v, Index c) {
  const Conv2dSizes& s = task.sizes;
  const Cut& cut = task.cut;

  // The columns of dy whose tap lies inside the image.
  const Index first = divide_up(std::max<Index>(0, s.padding - v), s.stride);
  const Index last = std::min(divide_up(s.w + s.padding - v, s.stride), cut.out_w);
  if (first >= last) return;

  Real* partial = task.partial + ((task.u * s.kernel_w + v) * s.c_in + c) * cut.partial_row;
  Vector sum[Channels][Vectors];
#pragma GCC unroll 16
  for (int r = 0; r < Channels; ++r)
#pragma GCC unroll 4
    for (int q = 0; q < Vectors; ++q) sum[r][q] = load(partial + r * cut.partial_row + q * kLanes);

  Index image = band.first / cut.out_h, i = band.first % cut.out_h;
  for (Index row = band.first; row < band.last; ++row) {
    const Index x_row = i * s.stride + task.u - s.padding;
    if (x_row >= 0 && x_row < s.h) {
      const Index pixel = (image * s.h + x_row) * s.w + first * s.stride + v - s.padding;
      const Index dy_pixel = (row - band.first) * cut.out_w + first;
      accumulate<0, Channels>(sum, task.x + pixel * s.c_in + c, 1, s.stride * s.c_in,
                              band.dy + dy_pixel * band.dy_pixel, band.dy_pixel, last - first);
    }
    if (++i == cut.out_h) i = 0, ++image;
  }

#pragma GCC unroll 16
  for (int r = 0; r < Channels; ++r)
#pragma GCC unroll 4
    for (int q = 0; q < Vectors; ++q) store(partial + r * cut.partial_row + q * kLanes, sum[r][q]);
}

// Adds a band to dbias, which is the row below those of dw.
void accumulate_bias(const Task& task, const Band& band) {
  Real* to = task.partial + task.cut.taps * task.cut.partial_row;
  const Index pixels = (band.last - band.first) * task.cut.out_w;
  for (Index q = 0; q < task.block.width(); q += kLanes) {
    Vector sum = load(to + q);
    for (Index p = 0; p < pixels; ++p) sum += load(band.dy + p * band.dy_pixel + q);
    store(to + q, sum);
  }
}

template <int Vectors>
void accumulate_band(const Task& task, const Band& band) {
  for (Index v = 0; v < task.sizes.kernel_w; ++v) {
    for_each_tile<Vectors>(task.sizes.c_in, [&](auto channels, Index c) {
      accumulate_tile<Vectors, channels>(task, band, v, c);
    });
  }
  if (task.u == 0) accumulate_bias(task, band);
}

// Sums one chunk. `padded` holds a band of dy when the channels of the block do not fill its
// vectors.
void accumulate_chunk(const Task& task, Index chunk, const Real* dy, Real* padded) {
  const Cut& cut = task.cut;
  const Index c_out = task.sizes.c_out, width = task.block.width();
  const Index rows = task.sizes.kernel_w * task.sizes.c_in;
  for (Index r = 0; r < rows + (task.u == 0); ++r) {
    const Index row = r < rows ? task.u * rows + r : cut.taps;
    std::fill_n(task.partial + row * cut.partial_row, width, Real(0));
  }
  const Index end = std::min(cut.rows, (chunk + 1) * cut.chunk_rows);
  for (Index first = chunk * cut.chunk_rows; first < end; first += cut.band_rows) {
    Band band{first, std::min(end, first + cut.band_rows),
              dy + first * cut.out_w * c_out + task.block.first, c_out};
    if (task.block.count < width) {
      const Index pixels = (band.last - band.first) * cut.out_w;
      pack_columns(padded, dy + first * cut.out_w * c_out, c_out, 1, pixels, task.block);
      band.dy = padded;
      band.dy_pixel = width;
    }
    task.block.vectors == 2 ? accumulate_band<2>(task, band) : accumulate_band<1>(task, band);
  }
}

// dweight[o, tap] and dbias[o] from the chunks' sums [tap, o], added in their order.
void add_chunks(Real* dweight, Real* dbias, const Real* partial, const Cut& cut, Index c_out) {
  parallel_blocks(cut.taps + 1, 16, [&](Index first, Index last) {
    for (Index o = 0; o < c_out; o += kLanes) {
      for (Index tap = first; tap < last; ++tap) {
        Vector sum{};
        for (Index chunk = 0; chunk < cut.chunks; ++chunk)
          sum += load(partial + chunk * cut.partial_chunk + tap * cut.partial_row + o);
        const Index count = std::min<Index>(kLanes, c_out - o);
        if (tap < cut.taps)
          for (Index l = 0; l < count; ++l) dweight[(o + l) * cut.taps + tap] = sum[l];
        else if (dbias != nullptr)
          store_row<1>(dbias + o, {sum}, count, {});
      }
    }
  });
}

}  // namespace

void conv2d_backward_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                            const Conv2dSizes& s) {
  const Cut plan = cut(s);
  const Index blocks = column_blocks(s.c_out), tasks = plan.chunks * blocks * s.kernel_h;
  const bool padded = plan.partial_row != s.c_out;
  const Index padded_size = padded ? plan.band_rows * plan.out_w * kTileWidth : 0;
  const Scratch<Real> partial(plan.chunks * plan.partial_chunk), padded_dy(tasks * padded_size);
  parallel_blocks(tasks, 1, [&](Index index, Index) {
    const Index chunk = index / (blocks * s.kernel_h);
    const ColumnBlock block = column_block(s.c_out, index / s.kernel_h % blocks);
    const Task task{s,     plan, index % s.kernel_h,
                    block, x,    partial.data() + chunk * plan.partial_chunk + block.first};
    accumulate_chunk(task, chunk, dy, padded_dy.data() + index * padded_size);
  });
  add_chunks(dweight, dbias, partial.data(), plan, s.c_out);
}

}  // namespace ink::cpu
