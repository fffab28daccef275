// The tiles of a convolution by Winograd's algorithm and the windows they see.
#pragma once

#include <array>

#include "tensor/cpu/conv2d_map.h"
#include "tensor/cpu/register_tile.h"
#include "tensor/cpu/scratch.h"
#include "tensor/cpu/winograd_phases.h"

namespace ink::cpu::winograd {

// At most this many tiles are transformed and multiplied at a time: what belongs to them stays in
// the second-level cache.
inline constexpr Index kGroup = 32;

// From the products of one tile of a group to those of the next, in elements: (kPoints, channels),
// and a cache line, without which the tiles of 128 channels would share a few sets of the cache.
constexpr Index tile_stride(Index channels) { return kPoints * channels + kCacheLine; }

constexpr Index tiles_per_image(const DirectConv& conv) {
  return divide_up(conv.rows, kTile) * divide_up(conv.columns, kTile);
}

// The tiles of 4 x 4 pixels that cover the images of y, counted over all images. Those at the lower
// and right edge may stick out.
class TileGrid {
 public:
  explicit TileGrid(const DirectConv& conv, const Phases& phases = kOneSize);

  Index per_image() const { return per_image_; }

  // The first pixel of a tile and how many rows and columns of it exist.
  struct Place {
    Index image, top, left, rows, columns;

    bool is_whole() const { return rows == kTile && columns == kTile; }
    // Whether it has fewer results along a side than kLeastPoints give.
    bool is_line() const { return rows == 1 || columns == 1; }
  };
  Place place(Index tile) const {
    Place place = places_[tile % per_image_];
    place.image = tile / per_image_;
    return place;
  }

  // The points that a tile at the lower edge and one at the right edge need.
  int points_below() const { return points_needed((conv_.rows - 1) % kTile + 1); }
  int points_right() const { return points_needed((conv_.columns - 1) % kTile + 1); }

  // From the first pixel of x, and of y, to that of a phase.
  Index x_offset(const Phase& phase) const {
    return larger_ == Larger::image ? phase.row * (x_row_ / 2) + phase.column * (x_pixel_ / 2) : 0;
  }
  Index y_offset(const Phase& phase) const {
    if (larger_ != Larger::result) return 0;
    return phase.row * (conv_.y_row / 2) + phase.column * (conv_.y_pixel / 2);
  }

  // v (kPoints, c_in) = B^T d B of the tile's window d on x, at the points that it needs.
  void transform_window(Real* v, const Real* x, Index tile) const;

 private:
  DirectConv conv_;
  Larger larger_;
  Index across_, per_image_;
  Index x_image_, x_row_, x_pixel_;  // from one to the next
  Scratch<Place> places_;            // (per_image_)
  Scratch<Index> pixels_;            // (per_image_, kPoints), offsets from the image; -1 outside it
  Scratch<Real> zeros_;              // (c_in), a pixel of the padding
};

// Calls body(down, across) with the points that a tile needs along its sides, as constants.
template <class Body>
void with_points(const TileGrid::Place& place, const Body& body) {
  const auto choose = [](int points, const auto& then) {
    if (points == 4) then(std::integral_constant<int, 4>{});
    if (points == 5) then(std::integral_constant<int, 5>{});
    if (points == 6) then(std::integral_constant<int, 6>{});
  };
  choose(points_needed(place.rows), [&](auto down) {
    choose(points_needed(place.columns), [&](auto across) { body(down, across); });
  });
}

// Tiles that are transformed and multiplied together, kGroup at most, in an order in which those
// that need a point are neighbours, whichever the point: first the tiles at the lower edge, whose
// rows are short, then the whole ones, those at the right edge, and the corners.
class TileGroup {
 public:
  // The tiles [first, last) of the grid.
  TileGroup(const TileGrid& grid, Index first, Index last);

  Index count() const { return last_.back(); }
  Index tile(Index i) const { return tiles_[static_cast<std::size_t>(i)]; }

  // The places in the group whose tiles need a point.
  struct Range {
    Index first, last;
  };
  Range that_need(Index point) const {
    const bool all_rows = point / kWindow >= points_below_;
    const bool all_columns = point % kWindow >= points_right_;
    const Index first = all_rows ? last_[kBelow] : 0;
    if (all_columns) return {first, last_[kWhole]};
    return {first, last_[all_rows ? kRight : kCorner]};
  }

 private:
  enum { kBelow, kWhole, kRight, kCorner };
  int points_below_, points_right_;  // that tiles at these edges need
  std::array<Index, kGroup> tiles_;
  std::array<Index, 4> last_{};  // of each kind, the place behind its tiles
};

// Cuts the tiles [first, last) into groups of nearly equal size and calls body(group) for each.
template <class Body>
void for_each_group(const TileGrid& grid, Index first, Index last, const Body& body) {
  const Index tiles = last - first, groups = divide_up(tiles, kGroup);
  for (Index g = 0; g < groups; ++g)
    body(TileGroup(grid, first + tiles * g / groups, first + tiles * (g + 1) / groups));
}

}  // namespace ink::cpu::winograd
