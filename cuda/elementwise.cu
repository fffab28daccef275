#include "tensor/kernels/elementwise.h"

#include <tuple>

#include "cuda/loop.cuh"

namespace ink::cuda {

namespace {

// f of every element of the packs.
template <int Width, class F, class... P>
__device__ Pack<Width> map_pack(const F& f, const P&... a) {
  Pack<Width> result;
#pragma unroll
  for (int j = 0; j < Width; ++j) result.value[j] = f(a.value[j]...);
  return result;
}

// `out` may be one of the inputs: a thread reads its elements before it writes them.
template <int Width, class F, class... X>
__global__ void map_kernel(Real* out, Index n, F f, const X*... x) {
  for (const Index i : indices(n / Width)) {
    store_pack(out, i, map_pack<Width>(f, load_pack<Width>(x, i)...));
  }
  // What does not fill a pack.
  for (const Index i : indices(n / Width * Width, n)) out[i] = f(x[i]...);
}

}  // namespace

template <class F, class... X>
void map(Real* out, Index n, F f, const X*... x) {
  if (n == 0) return;
  if (packs_aligned(out, x...)) {
    launch(map_kernel<kPack, F, X...>, launch_for((n + kPack - 1) / kPack), out, n, f, x...);
  } else {
    launch(map_kernel<1, F, X...>, launch_for(n), out, n, f, x...);
  }
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

}  // namespace ink::cuda
