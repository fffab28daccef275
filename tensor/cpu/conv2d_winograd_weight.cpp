// The gradient of a convolution with respect to its weights by Winograd's algorithm: the adjoint of
// its filter's path. (WINO.8)
#include "tensor/cpu/conv2d_weight.h"
#include "tensor/cpu/conv2d_winograd.h"
#include "tensor/cpu/parallel.h"

namespace ink::cpu {

using namespace winograd;

namespace {

// kLanes channels of m = A dy A^T at a tile; the sum of its pixels and `sum`. (In registers, as the
// windows'.)
template <int Down, int Across>
[[gnu::noinline]] Vector transform_gradient(Real* m, Index step, const Real* dy, Index row,
                                            Index pixel, Vector sum) {
  transform_rectangle<transform_output_adjoint<Down>, transform_output_adjoint<Across>>(
      [&](int i, int j) {
        const Vector d = load(dy + i * row + j * pixel);
        sum += d;
        return d;
      },
      [&](int i, int j, Vector value) { store(m + (i * kWindow + j) * step, value); });
  return sum;
}

// The same of a tile that has fewer pixels than the transform takes.
template <int Down, int Across>
Vector transform_line(Real* m, Index step, const Real* dy, const TileGrid::Place& place,
                      const DirectConv& conv, Vector sum) {
  constexpr Index kRow = kTile * kLanes;
  Real pixels[kTile * kRow] = {};
  for (Index i = 0; i < place.rows; ++i)
    for (Index j = 0; j < place.columns; ++j)
      store(pixels + i * kRow + j * kLanes, load(dy + i * conv.y_row + j * conv.y_pixel));
  return transform_gradient<Down, Across>(m, step, pixels, kRow, kLanes, sum);
}

// A tile in all channels, whose pixels are also added to dbias (c_out).
void transform_gradient(Real* m, Real* dbias, const Real* dy, const TileGroup::Tile& tile,
                        const DirectConv& conv) {
  const TileGrid::Place& place = *tile.place;
  const Index step = point_stride(conv.c_out);
  dy += tile.first_of(conv);
  with_points(place, [&](auto down, auto across) {
    for (Index o = 0; o < conv.c_out; o += kLanes, m += kSlice) {
      const Vector sum = load(dbias + o);
      store(dbias + o,
            place.is_line()
                ? transform_line<down, across>(m, step, dy + o, place, conv, sum)
                : transform_gradient<down, across>(m, step, dy + o, conv.y_row, conv.y_pixel, sum));
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
      v_(group_size(conv.c_in)),
      m_(group_size(conv.c_out)),
      sums_(phases.count * FilterLayout{conv.c_in, conv.c_out}.phase()),
      dbias_(conv.c_out) {
  std::fill_n(dbias_.data(), conv.c_out, Real(0));
}

namespace {

// to (Rows, width) = v^T m, or += it, over some tiles at one point: Rows channels of the input and
// a block of those of the output.
template <int Rows, int Vectors>
[[gnu::noinline]] void add_products(Real* to, const Real* v, const Real* m, Index tiles,
                                    bool empty) {
  constexpr Index kWidth = Vectors * kLanes;
  Vector sum[Rows][Vectors] = {};
  accumulate<0, Rows>(sum, v, 1, kLanes, m, kLanes, tiles, kSlice);
  store_tile({to, kWidth, kWidth, nullptr, nullptr, empty ? nullptr : to}, sum);
}

}  // namespace

// The sums of some channels += v^T m over the tiles of a group.
template <int Vectors>
void WinogradWeightSum::add_part(const TileGroup& group, const Part& part, Index phase) const {
  constexpr int kRows = std::min(kLanes, kVectorRegisters / 2 / Vectors);
  for (Index point = 0; point < kPoints; ++point) {
    const TileGroup::Range range = group.that_need(point);
    const Index tiles = range.last - range.first, first = range.first * kLanes;
    if (!phases_[phase].reaches(point) || (tiles == 0 && !empty_)) continue;
    const Real* v = v_.data() + point * point_stride(conv_.c_in) + first;
    const Real* m =
        m_.data() + point * point_stride(conv_.c_out) + part.block.first / kLanes * kSlice;
    Real* to = part.sums + phase * part.phase_step + point * part.point_step;
    for (Index c = part.first; c < part.last; c += kRows, to += kRows * part.block.width())
      add_products<kRows, Vectors>(to, v + c / kLanes * kSlice + c % kLanes, m + first, tiles,
                                   empty_);
  }
}

namespace {

// The taps' gradients (tap_step apart) from a vector of the sums at the points (step apart).
// (Phases that are known when this is compiled leave no question to ask at each tap.)
template <const Phases& kPhases>
[[gnu::noinline]] void sums_to_taps(Real* dweight, Index tap_step, const Real* sums,
                                    Index phase_step, Index step) {
  Vector taps[9] = {};
  const auto add_phase = [&]<int p>(std::integral_constant<int, p>) {
    constexpr const Phase& phase = kPhases.list[p];
    Vector folded[9];
    transform_rectangle<transform_filter_adjoint, transform_filter_adjoint>(
        [&](int i, int j) {
          const Index point = i * kWindow + j;
          return phase.reaches(point) ? load(sums + p * phase_step + point * step) : Vector{};
        },
        [&](int i, int j, Vector value) { folded[i * 3 + j] = value; });
    unfold(taps, folded, phase);
  };
  [&]<int... p>(std::integer_sequence<int, p...>) {
    (add_phase(std::integral_constant<int, p>{}), ...);
  }
  (std::make_integer_sequence<int, kPhases.count>{});
#pragma GCC unroll 9
  for (int tap = 0; tap < 9; ++tap) store(dweight + tap * tap_step, kUnscale * taps[tap]);
}

}  // namespace

// The part of dweight that its sums give.
void WinogradWeightSum::store_part(Real* dweight, const Part& part) const {
  const auto to_taps = phases_.count == 1 ? sums_to_taps<kOneSize> : sums_to_taps<kUpsampled>;
  const Real* sums = part.sums;
  for (Index c = part.first; c < part.last; ++c)
    for (Index o = 0; o < part.block.width(); o += kLanes, sums += kLanes)
      to_taps(dweight + c * conv_.c_out + part.block.first + o, conv_.c_in * conv_.c_out, sums,
              part.phase_step, part.point_step);
}

// The sums += the products of a group, whose gradients are those of a phase; with the last phase
// they are stored, unless dweight is null.
void WinogradWeightSum::add_group(const TileGroup& group, Index phase, Real* dweight) {
  // What is complete at once is summed in one small place.
  const bool at_once = empty_ && dweight != nullptr && phases_.count == 1;
  const FilterLayout layout{at_once ? kLanes : conv_.c_in, conv_.c_out};
  for (Index b = 0; b < column_blocks(conv_.c_out); ++b) {
    const ColumnBlock block = column_block(conv_.c_out, b);
    for (Index c = 0; c < conv_.c_in; c += layout.c_in) {
      const Part part{.block = block,
                      .first = c,
                      .last = c + layout.c_in,
                      .sums = sums_.data() + (at_once ? 0 : layout.block(block)),
                      .phase_step = layout.phase(),
                      .point_step = layout.point(block)};
      block.vectors == 2 ? add_part<2>(group, part, phase) : add_part<1>(group, part, phase);
      if (dweight != nullptr && phase == phases_.count - 1) store_part(dweight, part);
    }
  }
}

void WinogradWeightSum::add(const Real* x, const Real* dy, Index first, Index last, Real* dweight) {
  for_each_group(grid_, first, last, [&](const TileGroup& group, bool is_last) {
    for (Index i = 0; i < group.count(); ++i) {
      prefetch_tile(dy, group[i], conv_);
      grid_.transform_window(v_.data() + i * kLanes, x, group[i].image, *group[i].place);
    }
    for (Index phase = 0; phase < phases_.count; ++phase) {
      const Real* start = dy + grid_.y_offset(phases_[phase]);
      for (Index i = 0; i < group.count(); ++i)
        transform_gradient(m_.data() + i * kLanes, dbias_.data(), start, group[i], conv_);
      add_group(group, phase, is_last ? dweight : nullptr);
    }
    empty_ = false;
  });
  if (dweight != nullptr)
    std::copy_n(dbias_.data(), conv_.c_out, dweight + 9 * conv_.c_in * conv_.c_out);
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
    sum.add(x, dy, first, last, partial.data() + first / chunk_tiles * chunk_size);
  });
  add_chunks(dweight, dbias, {partial.data(), chunks, taps, conv.c_out, conv.c_out});
}

}  // namespace ink::cpu
