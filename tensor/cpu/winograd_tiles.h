// The tiles of a convolution by Winograd's algorithm and the windows they see.
#pragma once

#include <array>
#include <type_traits>

#include "tensor/cpu/conv2d_map.h"
#include "tensor/cpu/register_tile.h"
#include "tensor/cpu/scratch.h"
#include "tensor/cpu/winograd_phases.h"

namespace ink::cpu::winograd {

// At most this many tiles are transformed and multiplied at a time: what belongs to them stays in
// the second-level cache.
inline constexpr Index kGroup = 32;

// A group's values at the points: (kPoints, channels / kLanes) slices of (kGroup, kLanes). To a
// product over the channels, its tiles are rows that lie at constant distances. Between two slices
// is a cache line, without which those of some points would share a few sets of the cache.
inline constexpr Index kSlice = kGroup * kLanes + kCacheLine;
constexpr Index point_stride(Index channels) { return channels / kLanes * kSlice; }
constexpr Index group_size(Index channels) { return kPoints * point_stride(channels); }

// A filter's values at the points, and the sums that become its gradient: for each phase and block
// of output channels (kPoints, c_in, width), with a cache line behind each point, for the same
// reason.
struct FilterLayout {
  Index c_in, c_out;

  // From one point to the next.
  Index point(const ColumnBlock& block) const { return c_in * block.width() + kCacheLine; }
  // From the first block to this one.
  Index block(const ColumnBlock& block) const {
    return kPoints * (c_in * block.first + block.first / kTileWidth * kCacheLine);
  }
  // From one phase to the next.
  Index phase() const { return kPoints * (c_in * c_out + column_blocks(c_out) * kCacheLine); }
};

constexpr Index tiles_per_image(const DirectConv& conv) {
  return divide_up(conv.rows, kTile) * divide_up(conv.columns, kTile);
}

// The tiles of 4 x 4 pixels that cover the images of y, counted over all images. Those at the lower
// and right edge may stick out.
class TileGrid {
 public:
  explicit TileGrid(const DirectConv& conv, const Phases& phases = kOneSize);

  Index per_image() const { return per_image_; }

  // The first pixel of a tile of an image, how many rows and columns of it exist, and where the
  // pixels of its window stand.
  struct Place {
    Index top, left, rows, columns;
    const Index* window;  // (kPoints), from the image's first element; -1 outside it

    bool is_whole() const { return rows == kTile && columns == kTile; }
    // Whether it has fewer results along a side than kLeastPoints give.
    bool is_line() const { return rows == 1 || columns == 1; }
    // Whether all of its window lies inside the image.
    bool sees_no_padding() const { return window[0] >= 0 && window[kPoints - 1] >= 0; }
  };
  const Place& place(Index tile_of_image) const { return places_[tile_of_image]; }

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

  // v = B^T d B of the window d on x that a tile of an image sees, at the points that it needs:
  // (kPoints, c_in / kLanes) vectors, laid out as a group's.
  void transform_window(Real* v, const Real* x, Index image, const Place& place) const;

 private:
  DirectConv conv_;
  Larger larger_;
  Index across_, per_image_;
  Index x_image_, x_row_, x_pixel_;  // from one to the next
  Scratch<Place> places_;            // (per_image_)
  Scratch<Index> windows_;           // (per_image_, kPoints)
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

  struct Tile {
    Index image;
    const TileGrid::Place* place;

    // From the first element of y to the tile's.
    Index first_of(const DirectConv& y) const {
      return image * y.y_image + place->top * y.y_row + place->left * y.y_pixel;
    }
  };
  Index count() const { return last_.back(); }
  const Tile& operator[](Index i) const { return tiles_[static_cast<std::size_t>(i)]; }

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
  std::array<Tile, kGroup> tiles_;
  std::array<Index, 4> last_{};  // of each kind, the place behind its tiles
};

// Asks for a tile's pixels of y. (Always inlined: GCC takes a function that only prefetches for one
// without effect, and drops the call.)
template <class T>
[[gnu::always_inline]] inline void prefetch_tile(T* y, const TileGroup::Tile& tile,
                                                 const DirectConv& conv) {
  constexpr int kToWrite = std::is_const_v<T> ? 0 : 1;
  const TileGrid::Place& place = *tile.place;
  y += tile.first_of(conv);
  for (Index i = 0; i < place.rows; ++i)
    for (Index j = 0; j < place.columns; ++j)
      for (Index o = 0; o < conv.c_out; o += kCacheLine)
        __builtin_prefetch(y + i * conv.y_row + j * conv.y_pixel + o, kToWrite, 2);
}

// Cuts the tiles [first, last) into groups of nearly equal size and calls body(group, whether it is
// the last) for each.
template <class Body>
void for_each_group(const TileGrid& grid, Index first, Index last, const Body& body) {
  const Index tiles = last - first, groups = divide_up(tiles, kGroup);
  for (Index g = 0; g < groups; ++g)
    body(TileGroup(grid, first + tiles * g / groups, first + tiles * (g + 1) / groups),
         g == groups - 1);
}

}  // namespace ink::cpu::winograd
