// Several sums in place at once: a network has hundreds of small parameters, and each wants its
// gradient added.
#pragma once

#include "tensor/kernels/real.h"

namespace ink {

// to[i] += from[i] for i < n.
struct Addition {
  Real* to;
  const Real* from;
  Index n;
};

// As many as one call takes.
inline constexpr int kMostAdditions = 64;

// The arrays do not overlap.
namespace cpu {
void accumulate(const Addition* additions, int count);
}  // namespace cpu
namespace cuda {
void accumulate(const Addition* additions, int count);
}  // namespace cuda

}  // namespace ink
