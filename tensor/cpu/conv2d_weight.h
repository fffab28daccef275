// The gradient of a convolution with respect to its weights, two ways.
#pragma once

#include "tensor/cpu/conv2d_direct.h"

namespace ink::cpu {

// As conv2d_backward_weight, for any sizes: a matrix product over the pixels. (CONV.2)
void conv2d_direct_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                          const Conv2dSizes& sizes);

// Whether Winograd's algorithm is the faster of the two: where it applies and its sums, four times
// as many as dweight has, stay in the second-level cache.
bool suits_winograd_weight(const DirectConv& conv);

// The same by Winograd's algorithm, for sizes that suit. (WINO.8)
void conv2d_winograd_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                            const DirectConv& conv);

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
void add_chunks(Real* dweight, Real* dbias, const ChunkSums& sums);

}  // namespace ink::cpu
