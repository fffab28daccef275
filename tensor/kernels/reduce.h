// Reductions over one axis of a compact array.
#pragma once

#include <limits>

#include "tensor/kernels/functors.h"
#include "tensor/kernels/real.h"

namespace ink {

// The array x is (outer, length, inner); the result is (outer, inner).
struct ReduceSizes {
  Index outer;
  Index length;
  Index inner;
};

// A reduction loads each element through `load` and joins partial results with `combine`, which is
// associative up to rounding; `identity` joins with anything to leave it as it is.
struct Sum {
  HD static Real identity() { return 0; }
  HD Real load(Real x) const { return x; }
  HD Real combine(Real a, Real b) const { return a + b; }
};
struct SumOfSquares {
  HD static Real identity() { return 0; }
  HD Real load(Real x) const { return x * x; }
  HD Real combine(Real a, Real b) const { return a + b; }
};
// NaN anywhere makes the maximum NaN.
struct Max {
  HD static Real identity() { return -std::numeric_limits<Real>::infinity(); }
  HD Real load(Real x) const { return x; }
  // In two steps, which the compiler makes vectors of.
  HD Real combine(Real a, Real b) const {
    const Real larger = a > b ? a : b;  // b where either is NaN
    return a != a ? a : larger;
  }
};

using Reductions = Functors<Sum, SumOfSquares, Max>;

// out[o, i] = combine over l < length of load(x[o, l, i]). The tree of combinations depends on the
// sizes alone, never on the number of threads; sums are blockwise, so their error grows with the
// logarithm of the length rather than with the length.
namespace cpu {
template <class R>
void reduce(Real* out, const Real* x, const ReduceSizes& sizes);
}
namespace cuda {
template <class R>
void reduce(Real* out, const Real* x, const ReduceSizes& sizes);
}

}  // namespace ink
