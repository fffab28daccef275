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
  with_points(tile, [&](auto down, auto across) {
    for (Index o = 0; o < conv.c_out; o += kLanes) {
      Vector sum = load(dbias + o);
      transform_rectangle<transform_output_adjoint<down>, transform_output_adjoint<across>>(
          [&](int i, int j) {
            if (tile.is_line() && (i >= tile.rows || j >= tile.columns)) return Vector{};
            const Vector pixel = load(corner + i * conv.y_row + j * conv.y_pixel + o);
            sum += pixel;
            return pixel;
          },
          [&](int i, int j, Vector value) {
            store(m + (i * kWindow + j) * conv.c_out + o, value);
          });
      store(dbias + o, sum);
    }
  });
}

Index tiles(const DirectConv& conv) { return conv.n * tiles_per_image(conv); }

}  // namespace

Index winograd_chunks(const DirectConv& conv) { return std::clamp<Index>(tiles(conv) / 64, 8, 16); }

bool suits_winograd_weight(const DirectConv& conv, const Phases& phases) {
  constexpr Index kSecondLevelCache = 1'250'000, kEnoughTiles = 16;
  const Index bytes =
      phases.count * kPoints * conv.c_in * conv.c_out * static_cast<Index>(sizeof(Real));
  return suits_winograd(conv) &&
         (bytes < kSecondLevelCache || tiles(conv) >= kEnoughTiles * winograd_chunks(conv));
}

WinogradWeightSum::WinogradWeightSum(const TileGrid& grid, const DirectConv& conv,
                                     const Phases& phases)
    : grid_(grid),
      conv_(conv),
      phases_(phases),
      v_(kGroup * tile_stride(conv.c_in)),
      m_(kGroup * tile_stride(conv.c_out)),
      sums_(phases.count * kPoints * conv.c_in * conv.c_out),
      dbias_(conv.c_out) {
  std::fill_n(dbias_.data(), conv.c_out, Real(0));
}

// sums += v^T m over the tiles of a group.
template <int Vectors>
void WinogradWeightSum::add_products(const TileGroup& group, const ColumnBlock& block,
                                     Index phase) {
  const Index c_in = conv_.c_in;
  const Index v_tile = tile_stride(c_in), m_tile = tile_stride(conv_.c_out);
  for (Index point = 0; point < kPoints; ++point) {
    const TileGroup::Range range = group.that_need(point);
    const Index tiles = range.last - range.first;
    if (!phases_[phase].reaches(point) || (tiles == 0 && !empty_)) continue;
    const Real* v = v_.data() + range.first * v_tile + point * c_in;
    const Real* m = m_.data() + range.first * m_tile + point * conv_.c_out + block.first;
    for_each_tile<tile_rows(Vectors)>(c_in, [&](auto channels, Index c) {
      Real* to = sums(phase, block, point) + c * block.width();
      Vector sum[channels][Vectors] = {};
      accumulate<0, channels>(sum, v + c, 1, v_tile, m, m_tile, tiles);
      store_tile({to, block.width(), block.width(), nullptr, nullptr, empty_ ? nullptr : to}, sum);
    });
  }
}

void WinogradWeightSum::add(const Real* x, const Real* dy, Index first, Index last) {
  const Index v_tile = tile_stride(conv_.c_in), m_tile = tile_stride(conv_.c_out);
  for_each_group(grid_, first, last, [&](const TileGroup& group) {
    for (Index i = 0; i < group.count(); ++i)
      grid_.transform_window(v_.data() + i * v_tile, x, group.tile(i));
    for (Index phase = 0; phase < phases_.count; ++phase) {
      const Real* start = dy + grid_.y_offset(phases_[phase]);
      for (Index i = 0; i < group.count(); ++i)
        transform_gradient(m_.data() + i * m_tile, dbias_.data(), start, grid_.place(group.tile(i)),
                           conv_);
      for (Index b = 0; b < column_blocks(conv_.c_out); ++b) {
        const ColumnBlock block = column_block(conv_.c_out, b);
        block.vectors == 2 ? add_products<2>(group, block, phase)
                           : add_products<1>(group, block, phase);
      }
    }
    empty_ = false;
  });
}

namespace {

// Adds the taps' gradients from a vector of a phase's sums, whose points are `step` apart. (A phase
// that is known when this is compiled leaves no question to ask at each tap.)
template <const Phases& kPhases, int kPhase>
void add_to_taps(Vector (&taps)[9], const Real* sums, Index step) {
  constexpr const Phase& phase = kPhases.list[kPhase];
  Vector folded[9];
  transform_rectangle<transform_filter_adjoint, transform_filter_adjoint>(
      [&](int i, int j) {
        const Index point = i * kWindow + j;
        return phase.reaches(point) ? load(sums + point * step) : Vector{};
      },
      [&](int i, int j, Vector value) { folded[i * 3 + j] = value; });
  unfold(taps, folded, phase);
}

}  // namespace

void WinogradWeightSum::store_to(Real* dweight) const {
  const Index c_in = conv_.c_in, c_out = conv_.c_out;
  for (Index b = 0; b < column_blocks(c_out); ++b) {
    const ColumnBlock block = column_block(c_out, b);
    const Index step = c_in * block.width();  // from one point to the next
    for (Index at = 0; at < step; at += kLanes) {
      Vector taps[9] = {};
      const auto from = [&](Index phase) { return sums(phase, block, 0) + at; };
      if (phases_.count == 1)
        add_to_taps<kOneSize, 0>(taps, from(0), step);
      else
        [&]<int... p>(std::integer_sequence<int, p...>) {
          (add_to_taps<kUpsampled, p>(taps, from(p), step), ...);
        }
      (std::make_integer_sequence<int, 4>{});
      const Index c = at / block.width(), o = block.first + at % block.width();
      for (int tap = 0; tap < 9; ++tap) store(dweight + (tap * c_in + c) * c_out + o, taps[tap]);
    }
  }
  std::copy_n(dbias_.data(), c_out, dweight + 9 * c_in * c_out);
}

void conv2d_winograd_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                            const DirectConv& conv, const Phases& phases) {
  const TileGrid grid(conv, phases);
  const Index all = tiles(conv), chunk_tiles = divide_up(all, winograd_chunks(conv));
  const Index chunks = divide_up(all, chunk_tiles);
  const Index taps = 9 * conv.c_in, chunk_size = (taps + 1) * conv.c_out;
  const Scratch<Real> partial(chunks * chunk_size);
  parallel_blocks(all, chunk_tiles, [&](Index first, Index last) {
    WinogradWeightSum sum(grid, conv, phases);
    sum.add(x, dy, first, last);
    sum.store_to(partial.data() + first / chunk_tiles * chunk_size);
  });
  add_chunks(dweight, dbias, {partial.data(), chunks, taps, conv.c_out, conv.c_out});
}

}  // namespace ink::cpu
