// The gradient of a convolution with respect to its weights, two ways.
#pragma once

#include "tensor/cpu/winograd_tiles.h"

namespace ink::cpu {

// As conv2d_backward_weight, for any sizes: a matrix product over the pixels. (CONV.2)
void conv2d_direct_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                          const Conv2dSizes& sizes);

// Whether Winograd's algorithm is the faster of the two: where it applies and its sums, four times
// as many as dweight has, stay in the second-level cache or serve enough tiles.
bool suits_winograd_weight(const DirectConv& conv,
                           const winograd::Phases& phases = winograd::kOneSize);

// The chunks into which it cuts the sum over the tiles: 16, or down to 8 if they would have fewer
// than 64 tiles, for each ends by transforming its sums back. This many threads can share the work.
Index winograd_chunks(const DirectConv& conv);

// The same by Winograd's algorithm, for sizes that suit (WINO.8); with kUpsampled, after an
// upsampling of x, in whose map y_row and y_pixel lead from one pixel of a phase to the next.
void conv2d_winograd_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                            const DirectConv& conv,
                            const winograd::Phases& phases = winograd::kOneSize);

// The sum of (WINO.8) over some tiles.
class WinogradWeightSum {
 public:
  WinogradWeightSum(const winograd::TileGrid& grid, const DirectConv& conv,
                    const winograd::Phases& phases = winograd::kOneSize);

  // Adds the tiles [first, last), counted from the first image of x and dy. With the last ones the
  // sum is stored: dweight (9 * c_in, c_out), and in the row below it dbias.
  void add(const Real* x, const Real* dy, Index first, Index last, Real* dweight = nullptr);

 private:
  // Some channels of the input and a block of those of the output, and their sums:
  // (phase, kPoints, last - first, width).
  struct Part {
    ColumnBlock block;
    Index first, last;
    Real* sums;
    Index phase_step, point_step;
  };
  void add_group(const winograd::TileGroup& group, Index phase, Real* dweight);
  template <int Vectors>
  void add_part(const winograd::TileGroup& group, const Part& part, Index phase) const;
  void store_part(Real* dweight, const Part& part) const;

  const winograd::TileGrid& grid_;
  DirectConv conv_;
  winograd::Phases phases_;
  Scratch<Real> v_, m_;  // of a group
  Scratch<Real> sums_;   // (phase, block of channels, kPoints, c_in, width), as FilterLayout has it
  bool empty_ = true;    // nothing is in the sums yet
  Scratch<Real> dbias_;  // (c_out)
};

// The pixels are summed in chunks, whose number follows from the sizes alone:
// data (chunks, taps + 1, row) with taps = kernel_h * kernel_w * c_in. The last row of a chunk is
// its dbias.
struct ChunkSums {
  const Real* data;
  Index chunks;
  Index taps;
  Index c_out;
  Index row;  // c_out, padded to whole vectors
};

// dweight (c_out, taps) and, unless null, dbias (c_out): the chunks' sums added in their order.
// (CPU.3)
void add_chunks(Real* dweight, Real* dbias, const ChunkSums& sums);

}  // namespace ink::cpu
