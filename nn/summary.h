// What a model consists of, read off the tape of one forward pass.
#pragma once

#include <string>
#include <vector>

#include "nn/parameter.h"

namespace ink::nn {

struct LayerSummary {
  std::string name;  // of the module: its parameters' common name, "down_blocks.0.resnets.0.conv1"
  std::string op;    // "conv2d"
  Shape output;      // as computed
  Index parameters;  // elements
  double
      flops;  // of the forward pass: 2 for a multiply-add of conv2d, linear, matmul and attention
};

// One entry for each op that owns parameters or multiplies matrices, in the order of computation.
// `output` is a forward pass recorded for one image.
std::vector<LayerSummary> summarize(const Variable& output, const Parameters& parameters);

// The same as a table with a line of totals.
std::string summary_table(const std::vector<LayerSummary>& layers);

}  // namespace ink::nn
