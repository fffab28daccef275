// A check of gradients against central differences, for your own ops as well.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "autograd/variable.h"

namespace ink {

struct GradientCheckOptions {
  // Central differences err by O(step^2) + O(epsilon / step) (AD.5): the best step is near
  // epsilon^(1/3), where they err by epsilon^(2/3) (AD.6). 0 chooses it.
  double step = 0;
  // Allowed |got - expected|, relative to max(1, the largest |expected| of that input). 0 chooses
  // 1e-7 in double, 2e-2 in float.
  double tolerance = 0;
  std::uint64_t seed = 1;  // of the random vector that joins the outputs to one number
  // Checks at most this many elements of each input, spread evenly; 0 checks all.
  Index elements = 0;
};

// Compares the gradient of <v, f(inputs)>, v random, with central differences at every element of
// every input, or at some of them. Throws Error naming `op`, the input, the index, got and expected
// at the worst element that is wrong.
void check_gradients(const char* op, const std::function<Variable(const std::vector<Variable>&)>& f,
                     const Tensors& inputs, const GradientCheckOptions& options = {});

}  // namespace ink
