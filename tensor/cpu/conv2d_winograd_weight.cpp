// The gradient of a convolution with respect to its weights by Winograd's algorithm: the adjoint of
// its filter's path. (WINO.8)
#include "tensor/cpu/conv2d_weight.h"
#include "tensor/cpu/conv2d_winograd.h"
#include "tensor/cpu/parallel.h"

namespace ink::cpu {

using namespace winograd;

namespace {

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

}  // namespace

bool suits_winograd_weight(const DirectConv& conv) {
  constexpr Index kSecondLevelCache = 1'250'000;
  const Index bytes = kPoints * conv.c_in * conv.c_out * static_cast<Index>(sizeof(Real));
  return suits_winograd(conv) && bytes < kSecondLevelCache;
}

WinogradWeightSum::WinogradWeightSum(const TileGrid& grid, const DirectConv& conv)
    : grid_(grid),
      conv_(conv),
      v_(kGroup * kPoints * conv.c_in),
      m_(kGroup * kPoints * conv.c_out),
      sums_(kPoints * conv.c_in * conv.c_out),
      dbias_(conv.c_out) {
  std::fill_n(sums_.data(), kPoints * conv.c_in * conv.c_out, Real(0));
  std::fill_n(dbias_.data(), conv.c_out, Real(0));
}

// sums (kPoints, c_in, c_out) += v^T m over `count` tiles.
template <int Vectors>
void WinogradWeightSum::add_products(Index count, const ColumnBlock& block) {
  const Index c_in = conv_.c_in, c_out = conv_.c_out;
  for (Index point = 0; point < kPoints; ++point) {
    for_each_tile<tile_rows(Vectors)>(c_in, [&](auto channels, Index c) {
      Real* to = sums_.data() + (point * c_in + c) * c_out + block.first;
      Vector sum[channels][Vectors];
      load_tile(sum, to, c_out);
      accumulate<0, channels>(sum, v_.data() + point * c_in + c, 1, kPoints * c_in,
                              m_.data() + point * c_out + block.first, kPoints * c_out, count);
      store_tile({to, c_out, block.count, nullptr, nullptr, nullptr}, sum);
    });
  }
}

void WinogradWeightSum::add(const Real* x, const Real* dy, Index first, Index last) {
  for_each_group(first, last, [&](Index from, Index count) {
    for (Index i = 0; i < count; ++i) {
      grid_.transform_window(v_.data() + i * kPoints * conv_.c_in, x, from + i);
      transform_gradient(m_.data() + i * kPoints * conv_.c_out, dbias_.data(), dy,
                         grid_.place(from + i), conv_);
    }
    for (Index b = 0; b < column_blocks(conv_.c_out); ++b) {
      const ColumnBlock block = column_block(conv_.c_out, b);
      block.vectors == 2 ? add_products<2>(count, block) : add_products<1>(count, block);
    }
  });
}

void WinogradWeightSum::store_to(Real* dweight) const {
  const Index step = conv_.c_in * conv_.c_out;  // from one point or tap to the next
  for (Index at = 0; at < step; at += kLanes)
    transform_square<transform_filter_adjoint, kWindow, 3>(
        [&](int i, int j) { return load(sums_.data() + (i * kWindow + j) * step + at); },
        [&](int i, int j, Vector value) { store(dweight + (i * 3 + j) * step + at, value); });
  std::copy_n(dbias_.data(), conv_.c_out, dweight + 9 * step);
}

void conv2d_winograd_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                            const DirectConv& conv) {
  const TileGrid grid(conv);
  const Index tiles = conv.n * grid.per_image();
  const Index chunk_tiles = divide_up(tiles, kMostChunks), chunks = divide_up(tiles, chunk_tiles);
  const Index taps = 9 * conv.c_in, chunk_size = (taps + 1) * conv.c_out;
  const Scratch<Real> partial(chunks * chunk_size);
  parallel_blocks(tiles, chunk_tiles, [&](Index first, Index last) {
    WinogradWeightSum sum(grid, conv);
    sum.add(x, dy, first, last);
    sum.store_to(partial.data() + first / chunk_tiles * chunk_size);
  });
  add_chunks(dweight, dbias, {partial.data(), chunks, taps, conv.c_out, conv.c_out});
}

}  // namespace ink::cpu
