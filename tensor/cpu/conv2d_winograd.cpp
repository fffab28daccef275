#include "tensor/cpu/conv2d_winograd.h"

#include "tensor/cpu/conv2d_direct.h"
#include "tensor/cpu/parallel.h"
#include "tensor/cpu/register_tile.h"

namespace ink::cpu {

using namespace winograd;

bool suits_winograd(const DirectConv& conv) {
  return conv.kernel_h == 3 && conv.kernel_w == 3 && conv.stride == 1 && conv.c_in % kLanes == 0 &&
         conv.c_out % kLanes == 0 && conv.c_in > 0 && conv.n * conv.rows * conv.columns > 0;
}

namespace {

// u = G g G^T, scaled, for a vector of filters, whose taps lie tap_step apart, and their values at
// the points point_step. (In registers, as the windows'.)
[[gnu::noinline]] void transform_taps(Real* u, Index point_step, const Real* g, Index tap_step) {
  transform_rectangle<transform_filter, transform_filter>(
      [&](int i, int j) { return load(g + (i * 3 + j) * tap_step); },
      [&](int i, int j, Vector value) { store(u + (i * kWindow + j) * point_step, value); });
}

// The same for a block of output channels and a vector of input channels from `first` on: their
// taps are neighbours in one of the two directions. `filter` is laid out as WinogradConvolution's.
void transform_filters(Real* filter, const Conv2dMap& map, const Phases& phases,
                       const ColumnBlock& block, Index first) {
  const Index width = block.width();
  const WeightView& w = map.weight;
  Real taps[9 * kLanes * kTileWidth];  // (9, input channels, width)
  for (Index tap = 0; tap < 9; ++tap)
    pack_columns(taps + tap * kLanes * width,
                 w.data + tap / 3 * w.row + tap % 3 * w.column + first * w.input, w.input, w.output,
                 kLanes, block);
  const FilterLayout layout{map.conv.c_in, map.conv.c_out};
  Real* u = filter + layout.block(block) + first * width;
  for (Index p = 0; p < phases.count; ++p, u += layout.phase()) {
    Real folded[9 * kLanes * kTileWidth], half[9 * kLanes * kTileWidth];
    if (phases.count > 1) fold(folded, half, taps, kLanes * width, phases[p]);
    const Real* g = phases.count > 1 ? folded : taps;
    for (Index at = 0; at < kLanes * width; at += kLanes)
      transform_taps(u + at, layout.point(block), g + at, kLanes * width);
  }
}

// All of them; few are transformed by one thread.
void transform_filters(Real* filter, const Conv2dMap& map, const Phases& phases) {
  constexpr Index kGrain = 2;
  const Index c_out = map.conv.c_out, slices = map.conv.c_in / kLanes;
  parallel_blocks(column_blocks(c_out) * slices, kGrain, [&](Index first, Index last) {
    for (Index unit = first; unit < last; ++unit)
      transform_filters(filter, map, phases, column_block(c_out, unit / slices),
                        unit % slices * kLanes);
  });
}

}  // namespace

WinogradConvolution::WinogradConvolution(const Conv2dMap& map, const Phases& phases)
    : conv_(map.conv),
      phases_(phases),
      grid_(map.conv, phases),
      filter_(packed(map, phases.count > 1 ? Form::winograd_upsampled : Form::winograd,
                     phases.count * FilterLayout{conv_.c_in, conv_.c_out}.phase(),
                     [&](Real* filter) { transform_filters(filter, map, phases); })) {}

namespace {

// m = v u of some tiles, at one point and for a block of output channels (WINO.7); or the same
// added to m.
template <int Tiles, int Vectors, bool kAdd>
[[gnu::noinline]] void multiply_tiles(Real* m, const Real* v, const Real* u, Index c_in) {
  constexpr Index kWidth = Vectors * kLanes;
  Vector sum[Tiles][Vectors] = {};
  for (Index c = 0; c < c_in; c += kLanes, v += kSlice, u += kLanes * kWidth)
    accumulate<0, Tiles>(sum, v, kLanes, 1, u, kWidth, kLanes);
#pragma GCC unroll 24
  for (int t = 0; t < Tiles; ++t)
#pragma GCC unroll 4
    for (int o = 0; o < Vectors; ++o) {
      Real* to = m + t * kLanes + o * kSlice;
      store(to, kAdd ? load(to) + sum[t][o] : sum[t][o]);
    }
}

// `count` tiles of a group: sixteen sums at most, which cut a whole group evenly.
template <int Vectors, bool kAdd>
void multiply_point(Real* m, const Real* v, const Real* u, Index c_in, Index count) {
  constexpr int kMost = std::min(tile_rows(Vectors), 16 / Vectors);
  for_each_tile<kMost>(count, [&](auto tiles, Index first) {
    multiply_tiles<tiles, Vectors, kAdd>(m + first * kLanes, v + first * kLanes, u, c_in);
  });
}

}  // namespace

// At every point, (tiles, c_in) by (c_in, c_out). The phases of a larger image are added up, those
// after the first to what m has.
void WinogradConvolution::multiply(Real* m, const Real* v, const TileGroup& group,
                                   Index phase) const {
  const Index c_in = conv_.c_in, c_out = conv_.c_out;
  const bool add = phases_.of_image() && phase > 0;
  const FilterLayout layout{c_in, c_out};
  const Real* filter = filter_->data() + phase * layout.phase();
  for (Index b = 0; b < column_blocks(c_out); ++b) {
    const ColumnBlock block = column_block(c_out, b);
    const auto products = block.vectors == 2
                              ? (add ? multiply_point<2, true> : multiply_point<2, false>)
                              : (add ? multiply_point<1, true> : multiply_point<1, false>);
    for (Index point = 0; point < kPoints; ++point) {
      const bool reached = phases_[phase].reaches(point);
      if (add && !reached) continue;
      const TileGroup::Range range = group.that_need(point);
      const Index first = range.first * kLanes;
      products(m + point * point_stride(c_out) + block.first / kLanes * kSlice + first,
               v + point * point_stride(c_in) + first,
               filter + layout.block(block) + point * layout.point(block), reached ? c_in : 0,
               range.last - range.first);
    }
  }
}

namespace {

// Where the results of a tile go: rows and pixels follow `row` and `pixel` elements apart, in the
// residual as well.
struct TileResult {
  Real* y;
  const Real* residual;  // or null
  Index row, pixel;
};

// kLanes channels of y = A^T m A, without the filter's scale, + bias, and the residual. (In
// registers, as the windows'.)
template <int Down, int Across, bool kResidual>
[[gnu::noinline]] void output_pixels(Real* y, const Real* residual, Index row, Index pixel,
                                     const Real* m, Index step, Vector bias) {
  transform_rectangle<transform_output<Down>, transform_output<Across>>(
      [&](int i, int j) { return load(m + (i * kWindow + j) * step); },
      [&](int i, int j, Vector value) {
        const Index at = i * row + j * pixel;
        value = kUnscale * value + bias;
        if constexpr (kResidual) value += load(residual + at);
        store(y + at, value);
      });
}

// The same of a tile that has fewer results than the transform gives.
template <int Down, int Across>
void output_line(const TileResult& to, const TileGrid::Place& place, const Real* m, Index step,
                 Vector bias) {
  constexpr Index kRow = kTile * kLanes;
  Real pixels[kTile * kRow];
  output_pixels<Down, Across, false>(pixels, nullptr, kRow, kLanes, m, step, bias);
  for (Index i = 0; i < place.rows; ++i)
    for (Index j = 0; j < place.columns; ++j) {
      const Index at = i * to.row + j * to.pixel;
      Vector value = load(pixels + i * kRow + j * kLanes);
      if (to.residual != nullptr) value += load(to.residual + at);
      store(to.y + at, value);
    }
}

}  // namespace

// y at a tile of the phase that starts at `offset`, for its products m.
void WinogradConvolution::output_tile(Real* y, const Real* m, const Conv2dEpilogue& epilogue,
                                      const TileGroup::Tile& tile, Index offset) const {
  const TileGrid::Place& place = *tile.place;
  const Index corner = offset + tile.first_of(conv_);
  const Index step = point_stride(conv_.c_out);
  const Real* image_bias = shifted(epilogue.image_bias, tile.image * conv_.c_out);
  with_points(place, [&](auto down, auto across) {
    for (Index o = 0; o < conv_.c_out; o += kLanes, m += kSlice) {
      Vector bias{};
      if (epilogue.bias != nullptr) bias += load(epilogue.bias + o);
      if (image_bias != nullptr) bias += load(image_bias + o);
      const TileResult to{y + corner + o, shifted(epilogue.residual, corner + o), conv_.y_row,
                          conv_.y_pixel};
      if (place.is_line())
        output_line<down, across>(to, place, m, step, bias);
      else if (to.residual != nullptr)
        output_pixels<down, across, true>(to.y, to.residual, to.row, to.pixel, m, step, bias);
      else
        output_pixels<down, across, false>(to.y, nullptr, to.row, to.pixel, m, step, bias);
    }
  });
}

void WinogradConvolution::run(Real* y, const Real* x, const Conv2dEpilogue& epilogue, Index first,
                              Index last) const {
  const Scratch<Real> v(group_size(conv_.c_in)), m(group_size(conv_.c_out));
  for_each_group(grid_, first, last, [&](const TileGroup& group, bool) {
    for (Index phase = 0; phase < phases_.count; ++phase) {
      const Phase& of = phases_[phase];
      const bool gives_results = phase == phases_.count - 1 || !phases_.of_image();
      if (phase == 0 || phases_.of_image())
        for (Index i = 0; i < group.count(); ++i) {
          if (gives_results) prefetch_tile(y, group[i], conv_);
          if (epilogue.residual != nullptr) prefetch_tile(epilogue.residual, group[i], conv_);
          grid_.transform_window(v.data() + i * kLanes, x + grid_.x_offset(of), group[i].image,
                                 *group[i].place);
        }
      multiply(m.data(), v.data(), group, phase);
      if (gives_results)
        for (Index i = 0; i < group.count(); ++i)
          output_tile(y, m.data() + i * kLanes, epilogue, group[i], grid_.y_offset(of));
    }
  });
}

void convolve_winograd(Real* y, const Real* x, const Conv2dEpilogue& epilogue, const Conv2dMap& map,
                       const Phases& phases) {
  const WinogradConvolution convolution(map, phases);
  // As many groups as four threads share evenly.
  const Index tiles = map.conv.n * convolution.grid().per_image();
  const Index groups = divide_up(tiles, 4 * kGroup) * 4;
  parallel_blocks(tiles, divide_up(tiles, groups),
                  [&](Index first, Index last) { convolution.run(y, x, epilogue, first, last); });
}

}  // namespace ink::cpu
