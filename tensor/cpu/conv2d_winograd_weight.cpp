// The gradient of a convolution with respect to its weights by Winograd's algorithm: the adjoint of
// its filter's path. (WINO.8)
#include "tensor/cpu/conv2d_weight.h"
#include "tensor/cpu/conv2d_winograd.h"
#include "tensor/cpu/parallel.h"
#include "tensor/cpu/winograd_tiles.h"

namespace ink::cpu {
namespace {

using namespace winograd;

// m (kPoints, c_out) = A dy A^T of a tile, whose pixels are also added to dbias (c_out).
void transform_gradient(Real* m, Real* dbias, const Real* dy, const TileGrid::Place& tile,
                        const DirectConv& conv) {
  const Real* corner =
      dy + tile.image * conv.y_image + tile.top * conv.y_row + tile.left * conv.y_pixel;
  for (Index o = 0; o < conv.c_out; o += kLanes) {
    Vector sum = load(dbias + o);
    transform_square<transform_output_adjoint, kTile, kWindow>(
        [&](int i, int j) {
          if (i >= tile.rows || j >= tile.columns) return Vector{};
          const Vector pixel = load(corner + i * conv.y_row + j * conv.y_pixel + o);
          sum += pixel;
          return pixel;
        },
        [&](int i, int j, Vector value) { store(m + (i * kWindow + j) * conv.c_out + o, value); });
    store(dbias + o, sum);
  }
}

// s (kPoints, c_in, c_out) += v^T m over `count` tiles.
template <int Vectors>
void add_products(Real* s, const Real* v, const Real* m, Index count, const ColumnBlock& block,
                  const DirectConv& conv) {
  const Index c_in = conv.c_in, c_out = conv.c_out;
  for (Index point = 0; point < kPoints; ++point) {
    for_each_tile<tile_rows(Vectors)>(c_in, [&](auto channels, Index c) {
      Real* to = s + (point * c_in + c) * c_out + block.first;
      Vector sum[channels][Vectors];
      load_tile(sum, to, c_out);
      accumulate<0, channels>(sum, v + point * c_in + c, 1, kPoints * c_in,
                              m + point * c_out + block.first, kPoints * c_out, count);
      store_tile({to, c_out, block.count, nullptr, nullptr, nullptr}, sum);
    });
  }
}

// The share of the tiles [first, last): partial (10, c_in or 1, c_out), dbias in its last row.
void sum_tiles(Real* partial, const Real* x, const Real* dy, const TileGrid& grid,
               const DirectConv& conv, Index first, Index last) {
  const Index c_in = conv.c_in, c_out = conv.c_out;
  const Scratch<Real> v(kGroup * kPoints * c_in), m(kGroup * kPoints * c_out),
      s(kPoints * c_in * c_out);
  Real* dbias = partial + 9 * c_in * c_out;
  std::fill_n(dbias, c_out, Real(0));
  std::fill_n(s.data(), kPoints * c_in * c_out, Real(0));
  const Index groups = divide_up(last - first, kGroup), most = divide_up(last - first, groups);
  for (Index group = first; group < last; group += most) {
    const Index count = std::min(most, last - group);
    for (Index i = 0; i < count; ++i) {
      grid.transform_window(v.data() + i * kPoints * c_in, x, group + i);
      transform_gradient(m.data() + i * kPoints * c_out, dbias, dy, grid.place(group + i), conv);
    }
    for (Index b = 0; b < column_blocks(c_out); ++b) {
      const ColumnBlock block = column_block(c_out, b);
      (block.vectors == 2 ? add_products<2> : add_products<1>)(s.data(), v.data(), m.data(), count,
                                                               block, conv);
    }
  }
  const Index step = c_in * c_out;  // from one point or tap to the next
  for (Index at = 0; at < step; at += kLanes)
    transform_square<transform_filter_adjoint, kWindow, 3>(
        [&](int i, int j) { return load(s.data() + (i * kWindow + j) * step + at); },
        [&](int i, int j, Vector value) { store(partial + (i * 3 + j) * step + at, value); });
}

}  // namespace

bool suits_winograd_weight(const DirectConv& conv) {
  constexpr Index kSecondLevelCache = 1'250'000;
  const Index bytes = kPoints * conv.c_in * conv.c_out * static_cast<Index>(sizeof(Real));
  return suits_winograd(conv) && bytes < kSecondLevelCache;
}

void conv2d_winograd_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                            const DirectConv& conv) {
  constexpr Index kMostChunks = 16;
  const TileGrid grid(conv);
  const Index chunk_tiles = divide_up(grid.count(), kMostChunks);
  const Index chunks = divide_up(grid.count(), chunk_tiles);
  const Index taps = 9 * conv.c_in, partial_size = (taps + 1) * conv.c_out;
  const Scratch<Real> partial(chunks * partial_size);
  parallel_blocks(grid.count(), chunk_tiles, [&](Index first, Index last) {
    sum_tiles(partial.data() + first / chunk_tiles * partial_size, x, dy, grid, conv, first, last);
  });
  add_chunks(dweight, dbias, {partial.data(), chunks, taps, conv.c_out, conv.c_out});
}

}  // namespace ink::cpu
