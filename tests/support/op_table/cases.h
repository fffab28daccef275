// Cases that more than one row is made of.
#pragma once

#include "tests/support/op_table/op_table.h"

namespace ink::test {

// x (n, h, w, c_in - skip), weight (c_out, kernel, kernel, c_in), then bias (c_out), image bias
// (n, c_out), residual, shaped as the result, and skip connection (n, h, w, skip), when asked for.
struct ConvSizes {
  Index n, h, w, c_in, c_out;
  Index kernel = 3;
  Index stride = 1;
  Index padding = 1;
  bool bias = true;
  bool image_bias = false;
  bool residual = false;
  Index skip = 0;

  Index out_h() const { return (h + 2 * padding - kernel) / stride + 1; }
  Index out_w() const { return (w + 2 * padding - kernel) / stride + 1; }
  Shape y() const { return {n, out_h(), out_w(), c_out}; }
};

OpCase conv2d_case(const ConvSizes& sizes);
// Moves the last channels of the first input of a case to a new, last input.
void move_to_skip(OpCase& c, Index skip);

// x (n, ..., channels), gamma and beta (channels).
struct NormSizes {
  Shape x;
  Index groups;
  bool silu = false;
  double mean = 0;
  double deviation = 1;
  double epsilon = 1e-5;

  Index channels() const { return x.back(); }
  Index pixels() const { return x.count() / (x[0] * channels()); }
  Index group_size() const { return pixels() * channels() / groups; }
};

OpCase group_norm_case(const NormSizes& sizes);

}  // namespace ink::test
