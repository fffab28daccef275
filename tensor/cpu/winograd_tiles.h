// The tiles of a convolution by Winograd's algorithm and the windows they see.
#pragma once

#include "tensor/cpu/conv2d_map.h"
#include "tensor/cpu/register_tile.h"
#include "tensor/cpu/scratch.h"
#include "tensor/cpu/winograd.h"

namespace ink::cpu::winograd {

// This many consecutive tiles are transformed and multiplied at a time: what belongs to them stays
// in the second-level cache.
inline constexpr Index kGroup = 24;

// Cuts the tiles [first, last) into groups of nearly equal size and calls group(first, count).
template <class Group>
void for_each_group(Index first, Index last, const Group& group) {
  const Index tiles = last - first, groups = divide_up(tiles, kGroup);
  for (Index g = 0; g < groups; ++g) {
    const Index from = tiles * g / groups, to = tiles * (g + 1) / groups;
    group(first + from, to - from);
  }
}

// The tiles of 4 x 4 pixels that cover the images of y, counted over all images. Those at the lower
// and right edge may stick out.
class TileGrid {
 public:
  explicit TileGrid(const DirectConv& conv);

  Index per_image() const { return per_image_; }

  // The first pixel of a tile and how many rows and columns of it exist.
  struct Place {
    Index image, top, left, rows, columns;
  };
  Place place(Index tile) const {
    const Index top = tile % per_image_ / across_ * kTile, left = tile % across_ * kTile;
    return {tile / per_image_, top, left, std::min<Index>(kTile, conv_.rows - top),
            std::min<Index>(kTile, conv_.columns - left)};
  }

  // v (kPoints, c_in) = B^T d B of the tile's window d on x.
  void transform_window(Real* v, const Real* x, Index tile) const;

 private:
  DirectConv conv_;
  Index across_, per_image_;
  Scratch<Index> pixels_;  // (per_image_, kPoints), offsets from the image; -1 outside it
  Scratch<Real> zeros_;    // (c_in), a pixel of the padding
};

}  // namespace ink::cpu::winograd
