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

// u = G g G^T for a block of output channels and a vector of input channels from `first` on: their
// taps are neighbours in one of the two directions. `filter` is laid out as WinogradConvolution's.
void transform_filters(Real* filter, const Conv2dMap& map, const Phases& phases,
                       const ColumnBlock& block, Index first) {
  const Index c_in = map.conv.c_in, c_out = map.conv.c_out, width = block.width();
  const WeightView& w = map.weight;
  Real taps[9 * kLanes * kTileWidth];  // (9, input channels, width)
  for (Index tap = 0; tap < 9; ++tap)
    pack_columns(taps + tap * kLanes * width,
                 w.data + tap / 3 * w.row + tap % 3 * w.column + first * w.input, w.input, w.output,
                 kLanes, block);
  const Index step = c_in * width;  // from one point to the next
  Real* u = filter + block.first * kPoints * c_in + first * width;
  for (Index p = 0; p < phases.count; ++p, u += kPoints * c_in * c_out) {
    const Phase& phase = phases[p];
    Real folded[9 * kLanes * kTileWidth], half[9 * kLanes * kTileWidth];
    if (phases.count > 1) fold(folded, half, taps, kLanes * width, phase);
    const Real* g = phases.count > 1 ? folded : taps;
    for (Index at = 0; at < kLanes * width; at += kLanes)
      transform_rectangle<transform_filter, transform_filter>(
          [&](int i, int j) { return load(g + (i * 3 + j) * kLanes * width + at); },
          [&](int i, int j, Vector value) {
            const Index point = i * kWindow + j;
            if (phase.reaches(point)) store(u + point * step + at, value);
          });
  }
}

// All of them; few are transformed by one thread.
void transform_filters(Real* filter, const Conv2dMap& map, const Phases& phases) {
  constexpr Index kGrain = 8;
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
                     phases.count * kPoints * conv_.c_in * conv_.c_out,
                     [&](Real* filter) { transform_filters(filter, map, phases); })) {}

// m = v u at every point: (tiles, c_in) by (c_in, c_out) (WINO.7). The phases of a larger image are
// added up, those after the first to what m has.
void WinogradConvolution::multiply(Real* m, const Real* v, const TileGroup& group,
                                   Index phase) const {
  const Index c_in = conv_.c_in, c_out = conv_.c_out;
  const Index v_tile = tile_stride(c_in), m_tile = tile_stride(c_out);
  const bool add = phases_.of_image() && phase > 0;
  const Real* filter = filter_->data() + phase * kPoints * c_in * c_out;
  for (Index b = 0; b < column_blocks(c_out); ++b) {
    const ColumnBlock block = column_block(c_out, b);
    for (Index point = 0; point < kPoints; ++point) {
      const bool reached = phases_[phase].reaches(point);
      if (add && !reached) continue;
      const Index inner = reached ? c_in : 0;
      const Real* u = filter + (block.first * kPoints + point * block.width()) * c_in;
      const TileGroup::Range range = group.that_need(point);
      const auto product = [&](auto vectors, auto tiles, Index first) {
        const Index tile = range.first + first;
        Real* to = m + tile * m_tile + point * c_out + block.first;
        Vector sum[tiles][vectors] = {};
        accumulate<0, tiles>(sum, v + tile * v_tile + point * c_in, v_tile, 1, u, block.width(),
                             inner);
        store_tile({to, m_tile, block.count, nullptr, nullptr, add ? to : nullptr}, sum);
      };
      const Index count = range.last - range.first;
      if (block.vectors == 2)
        for_each_tile<tile_rows(2)>(count, [&](auto tiles, Index first) {
          product(std::integral_constant<int, 2>{}, tiles, first);
        });
      else
        for_each_tile<strided_tile_rows(1)>(count, [&](auto tiles, Index first) {
          product(std::integral_constant<int, 1>{}, tiles, first);
        });
    }
  }
}

// y at a tile of the phase that starts at `offset` = A^T m A + epilogue, for its products m
// (kPoints, c_out).
void WinogradConvolution::output_tile(Real* y, const Real* m, const Conv2dEpilogue& epilogue,
                                      Index tile, Index offset) const {
  const TileGrid::Place place = grid_.place(tile);
  const Index corner =
      offset + place.image * conv_.y_image + place.top * conv_.y_row + place.left * conv_.y_pixel;
  with_points(place, [&](auto down, auto across) {
    for (Index o = 0; o < conv_.c_out; o += kLanes) {
      Vector bias{};
      if (epilogue.bias != nullptr) bias += load(epilogue.bias + o);
      if (epilogue.image_bias != nullptr)
        bias += load(epilogue.image_bias + place.image * conv_.c_out + o);
      transform_rectangle<transform_output<down>, transform_output<across>>(
          [&](int i, int j) { return load(m + (i * kWindow + j) * conv_.c_out + o); },
          [&](int i, int j, Vector value) {
            if (place.is_line() && (i >= place.rows || j >= place.columns)) return;
            const Index at = corner + i * conv_.y_row + j * conv_.y_pixel + o;
            value += bias;
            if (epilogue.residual != nullptr) value += load(epilogue.residual + at);
            store(y + at, value);
          });
    }
  });
}

void WinogradConvolution::run(Real* y, const Real* x, const Conv2dEpilogue& epilogue, Index first,
                              Index last) const {
  const Index v_tile = tile_stride(conv_.c_in), m_tile = tile_stride(conv_.c_out);
  const Scratch<Real> v(kGroup * v_tile), m(kGroup * m_tile);
  for_each_group(grid_, first, last, [&](const TileGroup& group) {
    for (Index phase = 0; phase < phases_.count; ++phase) {
      if (phase == 0 || phases_.of_image())
        for (Index i = 0; i < group.count(); ++i)
          grid_.transform_window(v.data() + i * v_tile, x + grid_.x_offset(phases_[phase]),
                                 group.tile(i));
      multiply(m.data(), v.data(), group, phase);
      if (phase == phases_.count - 1 || !phases_.of_image())
        for (Index i = 0; i < group.count(); ++i)
          output_tile(y, m.data() + i * m_tile, epilogue, group.tile(i),
                      grid_.y_offset(phases_[phase]));
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
