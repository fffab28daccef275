#include "tensor/cpu/winograd_tiles.h"

namespace ink::cpu::winograd {

TileGrid::TileGrid(const DirectConv& conv, const Phases& phases)
    : conv_(conv),
      larger_(phases.larger),
      across_(divide_up(conv.columns, kTile)),
      per_image_(tiles_per_image(conv)),
      x_image_(conv.h * conv.w * conv.c_in),
      x_row_(conv.w * conv.c_in),
      x_pixel_(conv.c_in),
      places_(per_image_),
      windows_(per_image_ * kPoints),
      zeros_(conv.c_in) {
  if (phases.of_image()) {
    x_image_ *= 4;
    x_row_ *= 4;
    x_pixel_ *= 2;
  }
  std::fill_n(zeros_.data(), conv.c_in, Real(0));
  for (Index tile = 0; tile < per_image_; ++tile) {
    const Index top = tile / across_ * kTile, left = tile % across_ * kTile;
    Index* window = windows_.data() + tile * kPoints;
    places_[tile] = {top, left, std::min<Index>(kTile, conv.rows - top),
                     std::min<Index>(kTile, conv.columns - left), window};
    for (Index point = 0; point < kPoints; ++point) {
      const Index i = top + point / kWindow - conv.pad_top;
      const Index j = left + point % kWindow - conv.pad_left;
      const bool inside = i >= 0 && i < conv.h && j >= 0 && j < conv.w;
      window[point] = inside ? i * x_row_ + j * x_pixel_ : -1;
    }
  }
}

namespace {

// Of kLanes channels. These take what they need in registers, and are no part of a loop over the
// channels: what is passed through memory has to arrive there before a call can begin, and a loop
// would keep the addresses of all points, and spill them.

// A window inside the image.
[[gnu::noinline]] void transform_inner_window(Real* v, Index step, const Real* corner, Index row,
                                              Index column) {
  transform_rectangle<transform_input<kWindow>, transform_input<kWindow>>(
      [&](int i, int j) { return load(corner + i * row + j * column); },
      [&](int i, int j, Vector value) { store(v + (i * kWindow + j) * step, value); });
}

// The channels from c on of a window of the given pixels, at the first points along its sides.
template <int Down, int Across>
[[gnu::noinline]] void transform_pixels(Real* v, Index step, const Real* const* pixel, Index c) {
  transform_rectangle<transform_input<Down>, transform_input<Across>>(
      [&](int i, int j) { return load(pixel[i * kWindow + j] + c); },
      [&](int i, int j, Vector value) { store(v + (i * kWindow + j) * step, value); });
}

}  // namespace

void TileGrid::transform_window(Real* v, const Real* x, Index image, const Place& place) const {
  const Index c_in = conv_.c_in, step = point_stride(c_in);
  const Real* of_image = x + image * x_image_;
  if (place.is_whole() && place.sees_no_padding()) {
    const Real* corner = of_image + place.window[0];
    for (Index c = 0; c < c_in; c += kLanes)
      transform_inner_window(v + c / kLanes * kSlice, step, corner + c, x_row_, x_pixel_);
    return;
  }
  const Real* pixel[kPoints];
  for (int p = 0; p < kPoints; ++p)
    pixel[p] = place.window[p] < 0 ? zeros_.data() : of_image + place.window[p];
  with_points(place, [&](auto down, auto across) {
    for (Index c = 0; c < c_in; c += kLanes)
      transform_pixels<down, across>(v + c / kLanes * kSlice, step, pixel, c);
  });
}

TileGroup::TileGroup(const TileGrid& grid, Index first, Index last)
    : points_below_(grid.points_below()), points_right_(grid.points_right()) {
  const Index per_image = grid.per_image();
  const auto for_each_tile = [&](const auto& body) {
    Tile tile{first / per_image, &grid.place(first % per_image)};
    const TileGrid::Place* const end = &grid.place(0) + per_image;
    for (Index i = first; i < last; ++i) {
      const bool whole = tile.place->columns == kTile;
      const bool of_whole_rows = tile.place->rows == kTile;
      body(tile, of_whole_rows ? (whole ? kWhole : kRight) : (whole ? kBelow : kCorner));
      if (++tile.place == end) tile = {tile.image + 1, &grid.place(0)};
    }
  };
  for_each_tile([&](const Tile&, std::size_t kind) { ++last_[kind]; });
  std::array<Index, 4> next{};
  for (std::size_t kind = 1; kind < 4; ++kind) {
    next[kind] = last_[kind - 1];
    last_[kind] += last_[kind - 1];
  }
  for_each_tile([&](const Tile& tile, std::size_t kind) {
    tiles_[static_cast<std::size_t>(next[kind]++)] = tile;
  });
}

}  // namespace ink::cpu::winograd
