#include "tensor/kernels/elementwise.h"

#include <algorithm>
#include <tuple>

#include "tensor/cpu/parallel.h"

namespace ink::cpu {

namespace {
// Arrays up to this length stay on one thread: starting the others would take longer.
constexpr Index kBlock = 16384;
// Results stay here until their inputs are no longer needed.
constexpr Index kChunk = 512;
}  // namespace

template <class F, class... X>
void map(Real* out, Index n, F f, const X*... x) {
  parallel_blocks(n, kBlock, [=](Index first, Index last) {
    // An array of its own, which no input can overlap, lets the loop vectorise; it never leaves the
    // L1 cache.
    alignas(64) Real result[kChunk];
    const F g = f;  // its constants in registers, not behind a pointer
    for (Index i = first; i < last; i += kChunk) {
      const Index count = std::min(kChunk, last - i);
      for (Index j = 0; j < count; ++j) result[j] = g(x[i + j]...);
      std::copy(result, result + count, out + i);
    }
  });
}

namespace {

// The addresses of the loops over functors with as many arguments as X has types.
template <class... X, class... F>
constexpr auto instantiate(Functors<F...>) {
  return std::tuple{&map<F, X...>...};
}

// Taking an address makes the compiler emit the loop.
[[gnu::used]] constexpr auto kUnary = instantiate<Real>(UnaryFunctors{});
[[gnu::used]] constexpr auto kBinary = instantiate<Real, Real>(BinaryFunctors{});
[[gnu::used]] constexpr auto kTernary = instantiate<Real, Real, Real>(TernaryFunctors{});

}  // namespace

}  // namespace ink::cpu
