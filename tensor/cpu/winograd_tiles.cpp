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
      pixels_(per_image_ * kPoints),
      zeros_(conv.c_in) {
  if (phases.of_image()) {
    x_image_ *= 4;
    x_row_ *= 4;
    x_pixel_ *= 2;
  }
  std::fill_n(zeros_.data(), conv.c_in, Real(0));
  for (Index tile = 0; tile < per_image_; ++tile) {
    const Index top = tile / across_ * kTile, left = tile % across_ * kTile;
    places_[tile] = {0, top, left, std::min<Index>(kTile, conv.rows - top),
                     std::min<Index>(kTile, conv.columns - left)};
    for (Index point = 0; point < kPoints; ++point) {
      const Index i = top + point / kWindow - conv.pad_top;
      const Index j = left + point % kWindow - conv.pad_left;
      const bool inside = i >= 0 && i < conv.h && j >= 0 && j < conv.w;
      pixels_[tile * kPoints + point] = inside ? i * x_row_ + j * x_pixel_ : -1;
    }
  }
}

namespace {

// kLanes channels of a window, whose pixels stand at pixel(i, j). (Not inlined: a loop over
// channels around it would keep the addresses of all points, and spill them.)
template <int Down, int Across, class Pixel>
[[gnu::noinline]] void transform_pixels(Real* v, Index c_in, Pixel pixel) {
  transform_rectangle<transform_input<Down>, transform_input<Across>>(
      [&](int i, int j) { return load(pixel(i, j)); },
      [&](int i, int j, Vector value) { store(v + (i * kWindow + j) * c_in, value); });
}

}  // namespace

void TileGrid::transform_window(Real* v, const Real* x, Index tile) const {
  const Index c_in = conv_.c_in, row = x_row_, column = x_pixel_;
  const Real* image = x + tile / per_image_ * x_image_;
  const Index* offset = pixels_.data() + tile % per_image_ * kPoints;
  const Place at = place(tile);
  if (at.is_whole() && offset[0] >= 0 && offset[kPoints - 1] >= 0) {  // all inside the image
    for (Index c = 0; c < c_in; c += kLanes)
      transform_pixels<kWindow, kWindow>(v + c, c_in,
                                         [=, corner = image + offset[0] + c](int i, int j) {
                                           return corner + i * row + j * column;
                                         });
    return;
  }
  const Real* pixel[kPoints];
  for (int p = 0; p < kPoints; ++p) pixel[p] = offset[p] < 0 ? zeros_.data() : image + offset[p];
  with_points(at, [&](auto down, auto across) {
    for (Index c = 0; c < c_in; c += kLanes)
      transform_pixels<down, across>(
          v + c, c_in, [&pixel, c](int i, int j) { return pixel[i * kWindow + j] + c; });
  });
}

TileGroup::TileGroup(const TileGrid& grid, Index first, Index last)
    : points_below_(grid.points_below()), points_right_(grid.points_right()) {
  std::array<int, kGroup> kinds;
  for (Index tile = first; tile < last; ++tile) {
    const TileGrid::Place place = grid.place(tile);
    const bool whole = place.columns == kTile;
    kinds[static_cast<std::size_t>(tile - first)] =
        place.rows == kTile ? (whole ? kWhole : kRight) : (whole ? kBelow : kCorner);
  }
  Index count = 0;
  for (const int kind : {kBelow, kWhole, kRight, kCorner}) {
    for (Index tile = first; tile < last; ++tile)
      if (kinds[static_cast<std::size_t>(tile - first)] == kind)
        tiles_[static_cast<std::size_t>(count++)] = tile;
    last_[static_cast<std::size_t>(kind)] = count;
  }
}

}  // namespace ink::cpu::winograd
