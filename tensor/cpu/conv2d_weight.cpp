// The gradient of a convolution with respect to its weights: a matrix product over the pixels of
// all images.
#include "tensor/cpu/conv2d_weight.h"

#include "tensor/cpu/parallel.h"
#include "tensor/cpu/register_tile.h"
#include "tensor/cpu/scratch.h"

namespace ink::cpu {
namespace {

// How the sum over pixels is cut: it follows from the sizes alone, and so does the order of every
// addition.
struct Cut {
  Index out_h, out_w;
  Index rows;        // of dy, counted over all images
  Index chunk_rows;  // a chunk's sums are kept apart from those of other chunks
  Index chunks;
  Index band_rows;    // read at a time: their channels of a block about fill the first-level cache
  Index taps;         // kernel_h * kernel_w * c_in
  Index partial_row;  // c_out, padded to whole vectors
  Index partial_chunk;  // a chunk's sums: (taps + 1, partial_row), the last row is dbias
};

Cut cut(const Conv2dSizes& s) {
  constexpr Index kEnoughTasks = 16, kLeastPixels = 512, kBandBytes = 48 * 1024;
  Cut cut{};
  cut.out_h = s.out_h();
  cut.out_w = s.out_w();
  cut.rows = s.n * cut.out_h;
  const Index wanted = std::min(divide_up(kEnoughTasks, column_blocks(s.c_out)),
                                cut.rows * cut.out_w / kLeastPixels);
  cut.chunk_rows = std::max<Index>(1, divide_up(cut.rows, std::max<Index>(1, wanted)));
  cut.chunks = divide_up(cut.rows, cut.chunk_rows);
  const Index row_bytes = cut.out_w * kTileWidth * static_cast<Index>(sizeof(Real));
  cut.band_rows = std::clamp<Index>(kBandBytes / row_bytes, 1, cut.chunk_rows);
  cut.taps = s.kernel_h * s.kernel_w * s.c_in;
  cut.partial_row = padded_columns(s.c_out);
  cut.partial_chunk = (cut.taps + 1) * cut.partial_row;
  return cut;
}

// What a thread computes at a time: one block of output channels over one chunk.
struct Task {
  const Conv2dSizes& sizes;
  const Cut& cut;
  ColumnBlock block;
  const Real* x;
  const Real* dy;
  Real* partial;  // the chunk's sums, at the block's first channel
};

// Rows of dy, counted over all images, seen through the block of channels.
struct Band {
  Index first, last;
  const Real* dy;  // the block's first channel at the first pixel
  Index dy_pixel;  // from one pixel to the next
};

// Asks for the share of the next band of x that falls to the taps [first, last), so that it has
// come to the second-level cache when its turn comes: the first tile that reads it would wait for
// memory. It pays where few tiles read what they asked for, with a 1x1 kernel or fewer channels in
// dy than in x. (Always inlined: GCC takes a function that only prefetches for one without effect,
// and drops the call.)
[[gnu::always_inline]] inline void prefetch_next_band(const Task& task, const Band& band,
                                                      Index first, Index last) {
  const Conv2dSizes& s = task.sizes;
  const Cut& cut = task.cut;
  const bool few_readers = cut.taps == s.c_in || s.c_in > s.c_out;
  if (!few_readers || task.block.first != 0) return;
  const Index rows = std::min(cut.band_rows, cut.rows - band.last);
  const Index x_row = s.h * s.w * s.c_in / cut.out_h, share = rows * x_row / cut.taps;
  for (Index i = first * share; i < last * share; i += kCacheLine)
    __builtin_prefetch(task.x + band.last * x_row + i, 0, 2);
}

struct Range {
  Index first, last;
};

// The positions along one axis of dy whose tap falls on the axis of x.
Range positions_inside(Index tap, Index size, Index out_size, const Conv2dSizes& s) {
  return {divide_up(std::max<Index>(0, s.padding - tap), s.stride),
          std::min(divide_up(size + s.padding - tap, s.stride), out_size)};
}

// Adds a band to one tile of dw: `Channels` input channels from c on, under the tap (u, v).
// (CONV.2)
template <int Vectors, int Channels>
[[gnu::noinline]] void accumulate_tile(const Task& task, const Band& band, Index u, Index v,
                                       Index c) {
  const Conv2dSizes& s = task.sizes;
  const Cut& cut = task.cut;
  const Range i = positions_inside(u, s.h, cut.out_h, s);
  const Range j = positions_inside(v, s.w, cut.out_w, s);
  if (i.first >= i.last || j.first >= j.last) return;

  // Rows of which every pixel counts follow one another in memory: they are one run.
  const bool one_run = s.stride == 1 && j.last - j.first == s.w && s.w == cut.out_w;
  const Index x_pixel = s.stride * s.c_in;
  Real* partial = task.partial + ((u * s.kernel_w + v) * s.c_in + c) * cut.partial_row;
  Vector sum[Channels][Vectors];
  load_tile(sum, partial, cut.partial_row);
  for (Index image = band.first / cut.out_h; image * cut.out_h < band.last; ++image) {
    const Index top = image * cut.out_h;
    const Index first = std::max(top + i.first, band.first);
    const Index rows = std::min(top + i.last, band.last) - first;
    const Index x_row = image * s.h + (first - top) * s.stride + u - s.padding;
    const Index x_column = j.first * s.stride + v - s.padding;
    const Index dy_pixel = (first - band.first) * cut.out_w + j.first;
    const Index run = one_run ? rows * s.w : j.last - j.first;
    for (Index r = 0; r < (one_run ? 1 : rows); ++r) {
      const Real* x = task.x + ((x_row + r * s.stride) * s.w + x_column) * s.c_in + c;
      const Real* dy = band.dy + (dy_pixel + r * cut.out_w) * band.dy_pixel;
      accumulate<0, Channels>(sum, x, 1, x_pixel, dy, band.dy_pixel, run);
    }
  }
  store_tile({partial, cut.partial_row, Vectors * kLanes}, sum);
}

// sum[v][c] += x[q, c] dy[q + 1 - v] at one pixel q, for the taps First <= v < Last of three.
template <int First, int Last, int Channels, int Vectors>
[[gnu::always_inline]] inline void add_pixel(Vector (&sum)[3][Channels][Vectors], const Real* x,
                                             const Real* dy, Index dy_pixel) {
  Vector dy_v[3][Vectors];
#pragma GCC unroll 3
  for (int v = First; v < Last; ++v)
#pragma GCC unroll 4
    for (int o = 0; o < Vectors; ++o) dy_v[v][o] = load(dy + (1 - v) * dy_pixel + o * kLanes);
#pragma GCC unroll 8
  for (int c = 0; c < Channels; ++c) {
    const Vector x_c = splat(x[c]);
#pragma GCC unroll 3
    for (int v = First; v < Last; ++v)
#pragma GCC unroll 4
      for (int o = 0; o < Vectors; ++o) sum[v][c][o] += x_c * dy_v[v][o];
  }
}

// As accumulate_tile for the taps (u, 0), (u, 1) and (u, 2) of a convolution that keeps the width,
// and the output channels from o on: a pixel of x is read once for the three, and rows of dy are
// whole.
template <int Vectors, int Channels>
[[gnu::noinline]] void accumulate_taps(const Task& task, const Band& band, Index u, Index c,
                                       Index o) {
  const Conv2dSizes& s = task.sizes;
  const Cut& cut = task.cut;
  const Range i = positions_inside(u, s.h, cut.out_h, s);
  if (i.first >= i.last) return;

  const Index tap = s.c_in * cut.partial_row;
  Real* partial = task.partial + (u * 3 * s.c_in + c) * cut.partial_row + o;
  Vector sum[3][Channels][Vectors];
#pragma GCC unroll 3
  for (int v = 0; v < 3; ++v) load_tile(sum[v], partial + v * tap, cut.partial_row);
  for (Index image = band.first / cut.out_h; image * cut.out_h < band.last; ++image) {
    const Index top = image * cut.out_h;
    const Index first = std::max(top + i.first, band.first);
    const Index last = std::min(top + i.last, band.last);
    const Real* x = task.x + (image * s.h + (first - top) + u - 1) * s.w * s.c_in + c;
    const Real* dy = band.dy + (first - band.first) * s.w * band.dy_pixel + o;
    for (Index row = first; row < last; ++row) {
      add_pixel<0, 2>(sum, x, dy, band.dy_pixel);
      x += s.c_in, dy += band.dy_pixel;
      for (Index q = s.w - 2; q > 0; --q, x += s.c_in, dy += band.dy_pixel)
        add_pixel<0, 3>(sum, x, dy, band.dy_pixel);
      add_pixel<1, 3>(sum, x, dy, band.dy_pixel);
      x += s.c_in, dy += band.dy_pixel;
    }
  }
#pragma GCC unroll 3
  for (int v = 0; v < 3; ++v)
    store_tile({partial + v * tap, cut.partial_row, Vectors * kLanes}, sum[v]);
}

// Adds a band to dbias, which is the row below those of dw, in four sums that do not wait for one
// another.
void accumulate_bias(const Task& task, const Band& band) {
  Real* to = task.partial + task.cut.taps * task.cut.partial_row;
  const Index pixels = (band.last - band.first) * task.cut.out_w;
  for (Index o = 0; o < task.block.width(); o += kLanes) {
    const Real* dy = band.dy + o;
    Vector sum[4] = {load(to + o)};
    Index p = 0;
    for (; p + 4 <= pixels; p += 4)
#pragma GCC unroll 4
      for (int r = 0; r < 4; ++r) sum[r] += load(dy + (p + r) * band.dy_pixel);
    for (; p < pixels; ++p) sum[0] += load(dy + p * band.dy_pixel);
    store(to + o, (sum[0] + sum[1]) + (sum[2] + sum[3]));
  }
}

// The taps of row u, three at a time. One vector by many channels loads least; of few channels the
// sums would wait for one another.
template <int BlockVectors, int MostVectors>
void accumulate_row_of_taps(const Task& task, const Band& band, Index u) {
  constexpr int kVectors = std::min(BlockVectors, MostVectors);
  const Conv2dSizes& s = task.sizes;
  for_each_tile<tile_rows(3 * kVectors)>(s.c_in, [&](auto channels, Index c) {
    const Index tap = 3 * (u * s.c_in + c);
    prefetch_next_band(task, band, tap, tap + 3 * channels);
    for (Index o = 0; o < BlockVectors * kLanes; o += kVectors * kLanes)
      accumulate_taps<kVectors, channels>(task, band, u, c, o);
  });
}

template <int Vectors>
void accumulate_band(const Task& task, const Band& band) {
  const Conv2dSizes& s = task.sizes;
  const bool together = s.kernel_w == 3 && s.stride == 1 && s.padding == 1 && s.w > 1;
  for (Index u = 0; u < s.kernel_h; ++u) {
    if (together) {
      s.c_in < kLanes ? accumulate_row_of_taps<Vectors, 2>(task, band, u)
                      : accumulate_row_of_taps<Vectors, 1>(task, band, u);
      continue;
    }
    for (Index v = 0; v < s.kernel_w; ++v)
      for_each_tile<tile_rows(Vectors)>(s.c_in, [&](auto channels, Index c) {
        const Index tap = (u * s.kernel_w + v) * s.c_in + c;
        prefetch_next_band(task, band, tap, tap + channels);
        accumulate_tile<Vectors, channels>(task, band, u, v, c);
      });
  }
  accumulate_bias(task, band);
}

// Sums a chunk band by band. Unless the block is all of dy, `packed` takes its channels of a band:
// padded to whole vectors and without the gaps for which a power of two of channels would use but a
// part of the cache.
void accumulate_chunk(const Task& task, Index chunk, Real* packed) {
  const Cut& cut = task.cut;
  const Index c_out = task.sizes.c_out, width = task.block.width();
  for (Index r = 0; r <= cut.taps; ++r)
    std::fill_n(task.partial + r * cut.partial_row, width, Real(0));

  const Index end = std::min(cut.rows, (chunk + 1) * cut.chunk_rows);
  for (Index first = chunk * cut.chunk_rows; first < end; first += cut.band_rows) {
    const Index last = std::min(end, first + cut.band_rows);
    const Real* dy = task.dy + first * cut.out_w * c_out;
    Band band{first, last, dy, c_out};
    if (width != c_out) {
      pack_columns(packed, dy, c_out, 1, (last - first) * cut.out_w, task.block);
      band = {first, last, packed, width};
    }
    task.block.vectors == 2 ? accumulate_band<2>(task, band) : accumulate_band<1>(task, band);
  }
}

}  // namespace

void add_chunks(Real* dweight, Real* dbias, const ChunkSums& sums) {
  const auto total = [&](Index tap, Index o) {
    Vector sum{};
    for (Index chunk = 0; chunk < sums.chunks; ++chunk)
      sum += load(sums.data + (chunk * (sums.taps + 1) + tap) * sums.row + o);
    return sum;
  };
  // A thread's share, in additions: few are made by one.
  constexpr Index kGrain = 60'000;
  const Index share = kGrain / std::max<Index>(1, sums.chunks * sums.row);
  const Index rows = divide_up(std::max<Index>(1, share), kLanes) * kLanes;
  parallel_blocks(sums.taps + 1, rows, [&](Index first, Index last) {
    // Channels are neighbours in the sums, taps in dweight: squares are transposed.
    Index tap = first;
    for (; tap + kLanes <= std::min(last, sums.taps); tap += kLanes)
      for (Index o = 0; o + kLanes <= sums.c_out; o += kLanes) {
        Vector square[kLanes];
        for (Index l = 0; l < kLanes; ++l) square[l] = total(tap + l, o);
        transpose(square);
        for (Index l = 0; l < kLanes; ++l) store(dweight + (o + l) * sums.taps + tap, square[l]);
      }
    const Index squares = tap;
    for (tap = first; tap < last; ++tap) {
      for (Index o = tap < squares ? sums.c_out / kLanes * kLanes : 0; o < sums.c_out;
           o += kLanes) {
        const Index count = std::min<Index>(kLanes, sums.c_out - o);
        const Vector sum = total(tap, o);
        if (tap < sums.taps) {
          for (Index l = 0; l < count; ++l) dweight[(o + l) * sums.taps + tap] = sum[l];
        } else if (dbias != nullptr) {
          for (Index l = 0; l < count; ++l) dbias[o + l] = sum[l];
        }
      }
    }
  });
}

void conv2d_direct_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                          const Conv2dSizes& s) {
  const Cut plan = cut(s);
  const Index blocks = column_blocks(s.c_out), tasks = plan.chunks * blocks;
  const Index band_size = plan.band_rows * plan.out_w * kTileWidth;
  const Scratch<Real> partial(plan.chunks * plan.partial_chunk), packed(tasks * band_size);
  parallel_blocks(tasks, 1, [&](Index index, Index) {
    const Index chunk = index / blocks;
    const ColumnBlock block = column_block(s.c_out, index % blocks);
    Real* sums = partial.data() + chunk * plan.partial_chunk + block.first;
    accumulate_chunk({s, plan, block, x, dy, sums}, chunk, packed.data() + index * band_size);
  });
  add_chunks(dweight, dbias, {partial.data(), plan.chunks, plan.taps, s.c_out, plan.partial_row});
}

}  // namespace ink::cpu
