// Convolution by Winograd's F(4 x 4, 3 x 3): a quarter of the multiplications. (WINO.2) along both
// axes; (WINO.9) bounds its rounding error.
#pragma once

#include "tensor/cpu/packed.h"
#include "tensor/cpu/winograd_tiles.h"

namespace ink::cpu {

// Whether a convolution is one for Winograd: 3 x 3 at stride 1, between channels that fill whole
// vectors, of at least one pixel.
bool suits_winograd(const DirectConv& conv);

// As convolve_direct, for sizes that suit. The map is that of the smaller image, if one is larger;
// in a larger result y_row and y_pixel lead from one pixel of a phase to the next.
void convolve_winograd(Real* y, const Real* x, const Conv2dEpilogue& epilogue, const Conv2dMap& map,
                       const winograd::Phases& phases = winograd::kOneSize);

// A convolution with its filter transformed, to be run over some of the images at a time.
class WinogradConvolution {
 public:
  explicit WinogradConvolution(const Conv2dMap& map,
                               const winograd::Phases& phases = winograd::kOneSize);

  const winograd::TileGrid& grid() const { return grid_; }

  // y at the tiles [first, last), counted from the first image of x, of y and of the epilogue.
  void run(Real* y, const Real* x, const Conv2dEpilogue& epilogue, Index first, Index last) const;

 private:
  void multiply(Real* m, const Real* v, const winograd::TileGroup& group, Index phase) const;
  void output_tile(Real* y, const Real* m, const Conv2dEpilogue& epilogue,
                   const winograd::TileGroup::Tile& tile, Index offset) const;

  DirectConv conv_;
  winograd::Phases phases_;
  winograd::TileGrid grid_;
  Packed filter_;  // (phase, block of channels, kPoints, c_in, width)
};

}  // namespace ink::cpu
