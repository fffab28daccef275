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
  constexpr Index kEnoughTasks = 16, kLeastPixels = 512, kBandBytes = 32 * 1024;
  const Index out_h = s.out_h(), out_w = s.out_w(), rows = s.n * out_h;
  const Index wanted =
      std::min(divide_up(kEnoughTasks, column_blocks(s.c_out)), rows * out_w / kLeastPixels);
  const Index chunk_rows = divide_up(rows, std::max<Index>(wanted, 1));
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
  ColumnBlock block;
  const Real* x;
  const Real* dy;
  Real* partial;  // of the chunk and block: (taps + 1, width), partial_row apart
};

// Asks for the share of the next band that falls to the taps [first, last), so that it has come to
// the second-level cache when its turn comes: else the first tiles of every band would wait for
// memory. (Always inlined: GCC takes a function that only prefetches for one without effect, and
// drops the call.)
[[gnu::always_inline]] inline void prefetch_next_band(const Task& task, const Band& band,
                                                      Index first, Index last) {
  constexpr Index kLine = 64 / static_cast<Index>(sizeof(Real));
  const Conv2dSizes& s = task.sizes;
  const Cut& cut = task.cut;
  const Index rows = std::min(cut.band_rows, cut.rows - band.last);
  const Index x_row = s.h * s.w * s.c_in / cut.out_h, dy_row = cut.out_w * s.c_out;
  const Index x_share = rows * x_row / cut.taps, dy_share = rows * dy_row / cut.taps;
  for (Index i = first * x_share; i < last * x_share; i += kLine)
    __builtin_prefetch(task.x + band.last * x_row + i, 0, 2);
  for (Index i = first * dy_share; i < last * dy_share; i += kLine)
    __builtin_prefetch(task.dy + band.last * dy_row + i, 0, 2);
}

struct Range {
  Index first, count;
};

// The positions along one axis of dy whose tap falls on the axis of x.
Range pixels_inside(Index tap, Index size, Index out_size, const Conv2dSizes& s) {
  const Index first = divide_up(std::max<Index>(0, s.padding - tap), s.stride);
  const Index last = std::min(divide_up(size + s.padding - tap, s.stride), out_size);
  return {first, last - first};
}

// Adds a band to one tile of dw: `Channels` input channels from c on, under the tap (u, v).
// (CONV.2)
template <int Vectors, int Channels>
[[gnu::noinline]] void accumulate_tile(const Task& task, const Band& band, Index u, Index v,
                                       Index c) {
  const Conv2dSizes& s = task.sizes;
  const Cut& cut = task.cut;

  // The rows and columns of dy whose tap lies inside the image.
  const Range i_inside = pixels_inside(u, s.h, cut.out_h, s),
              j_inside = pixels_inside(v, s.w, cut.out_w, s);
  if (i_inside.count <= 0 || j_inside.count <= 0) return;
  const bool whole_rows = j_inside.count == s.w && s.w == cut.out_w && s.stride == 1;
  const Index x_pixel = s.stride * s.c_in;

  Real* partial = task.partial + ((u * s.kernel_w + v) * s.c_in + c) * cut.partial_row;
  Vector sum[Channels][Vectors];
#pragma GCC unroll 24
  for (int r = 0; r < Channels; ++r)
#pragma GCC unroll 4
    for (int q = 0; q < Vectors; ++q) sum[r][q] = load(partial + r * cut.partial_row + q * kLanes);

  // Of each image, the band's rows that are inside; where they are whole they follow one another.
  for (Index image = band.first / cut.out_h; image * cut.out_h < band.last; ++image) {
    const Index row = image * cut.out_h;
    const Index first = std::max(row + i_inside.first, band.first);
    const Index last = std::min(row + i_inside.first + i_inside.count, band.last);
    if (first >= last) continue;
    const Index x_first = (image * s.h + (first - row) * s.stride + u - s.padding) * s.w +
                          j_inside.first * s.stride + v - s.padding;
    const Real* x = task.x + x_first * s.c_in + c;
    const Real* dy = band.dy + ((first - band.first) * cut.out_w + j_inside.first) * band.dy_pixel;
    const Index runs = whole_rows ? 1 : last - first;
    const Index run = whole_rows ? (last - first) * s.w : j_inside.count;
    for (Index k = 0; k < runs; ++k) {
      accumulate<0, Channels>(sum, x + k * s.w * x_pixel, 1, x_pixel,
                              dy + k * cut.out_w * band.dy_pixel, band.dy_pixel, run);
    }
  }

#pragma GCC unroll 24
  for (int r = 0; r < Channels; ++r)
#pragma GCC unroll 4
    for (int q = 0; q < Vectors; ++q) store(partial + r * cut.partial_row + q * kLanes, sum[r][q]);
}

// Adds a band to dbias, which is the row below those of dw.
void accumulate_bias(const Task& task, const Band& band) {
  Real* to = task.partial + task.cut.taps * task.cut.partial_row;
  const Index pixels = (band.last - band.first) * task.cut.out_w;
  for (Index q = 0; q < task.block.width(); q += kLanes) {
    const Real* dy = band.dy + q;
    Vector even = load(to + q), odd{};
    for (Index p = 0; p + 1 < pixels; p += 2) {
      even += load(dy + p * band.dy_pixel);
      odd += load(dy + (p + 1) * band.dy_pixel);
    }
    if (pixels % 2 != 0) even += load(dy + (pixels - 1) * band.dy_pixel);
    store(to + q, even + odd);
  }
}

template <int Vectors>
void accumulate_band(const Task& task, const Band& band) {
  const Conv2dSizes& s = task.sizes;
  for (Index u = 0; u < s.kernel_h; ++u) {
    for (Index v = 0; v < s.kernel_w; ++v) {
      for_each_tile<tile_rows(Vectors)>(s.c_in, [&](auto channels, Index c) {
        const Index tap = (u * s.kernel_w + v) * s.c_in + c;
        if (task.block.first == 0) prefetch_next_band(task, band, tap, tap + channels);
        accumulate_tile<Vectors, channels>(task, band, u, v, c);
      });
    }
  }
  accumulate_bias(task, band);
}

// Sums one chunk. `padded` holds a band of dy when the channels of the block do not fill its
// vectors.
void accumulate_chunk(const Task& task, Index chunk, const Real* dy, Real* padded) {
  const Cut& cut = task.cut;
  const Index c_out = task.sizes.c_out, width = task.block.width();
  for (Index r = 0; r <= cut.taps; ++r)
    std::fill_n(task.partial + r * cut.partial_row, width, Real(0));
  const Index end = std::min(cut.rows, (chunk + 1) * cut.chunk_rows);
  for (Index first = chunk * cut.chunk_rows; first < end; first += cut.band_rows) {
    Band band{first, std::min(end, first + cut.band_rows),
              dy + first * cut.out_w * c_out + task.block.first, c_out};
    if (width != c_out) {
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
        if (tap < cut.taps) {
          for (Index l = 0; l < count; ++l) dweight[(o + l) * cut.taps + tap] = sum[l];
        } else if (dbias != nullptr) {
          for (Index l = 0; l < count; ++l) dbias[o + l] = sum[l];
        }
      }
    }
  });
}

}  // namespace

void conv2d_backward_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                            const Conv2dSizes& s) {
  const Cut plan = cut(s);
  const Index blocks = column_blocks(s.c_out), tasks = plan.chunks * blocks;
  const bool padded = kTileWidth != s.c_out;
  const Index padded_size = padded ? plan.band_rows * plan.out_w * kTileWidth : 0;
  const Scratch<Real> partial(plan.chunks * plan.partial_chunk), padded_dy(tasks * padded_size);
  parallel_blocks(tasks, 1, [&](Index index, Index) {
    const Index chunk = index / blocks;
    const ColumnBlock block = column_block(s.c_out, index % blocks);
    const Task task{s, plan, block,
                    x, dy,   partial.data() + chunk * plan.partial_chunk + block.first};
    accumulate_chunk(task, chunk, dy, padded_dy.data() + index * padded_size);
  });
  add_chunks(dweight, dbias, partial.data(), plan, s.c_out);
}

}  // namespace ink::cpu
