#include "cuda/group_norm.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cuda/group_norm_slab.cuh"
#include "tensor/kernels/elementwise.h"

namespace ink::cuda {
namespace {

// Two blocks fit on a multiprocessor where 64 registers are enough for a thread.
constexpr int kMinBlocks = sizeof(Real) == sizeof(float) ? 2 : 1;

// ---- forward -----------------------------------------------------------------------------------

// The mean and the sum of squared deviations of the values that a thread has seen, by channel.
template <int V>
struct Moments {
  Real mean[V] = {};
  Real squares[V] = {};
  int seen = 0;

  // Takes the squares around the mean of the new values alone, so that no large mean cancels
  // (GN.7), and joins them to those before. (GN.8)
  __device__ void add(const Channels<V> (&x)[kSlabPixels], int count) {
    if (count == 0) return;
    const Real share = Real(count) / Real(seen + count);
    const Real weight = share * Real(seen);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      Real sum = 0;
#pragma unroll
      for (int i = 0; i < kSlabPixels; ++i) sum += x[i].at[v];
      const Real center = sum / Real(count);
      Real square = 0;
#pragma unroll
      for (int i = 0; i < kSlabPixels; ++i) {
        const Real deviation = i < count ? x[i].at[v] - center : Real(0);
        square += deviation * deviation;
      }
      const Real delta = center - mean[v];
      mean[v] += delta * share;
      squares[v] += square + delta * delta * weight;
    }
    seen += count;
  }
};

// mean and 1 / sqrt(variance + epsilon) of the groups of a slab, from the moments of its threads.
// (GN.1) (GN.8)
template <int V>
__device__ void join_moments(Real* mean, Real* rstd, Real* partial, const Moments<V>& moments,
                             const Place& at, const Slabs& s) {
  const Real values = s.values();
  const auto for_groups = [&](const auto& body) {
    for_each_warp(at.width / s.group, [&](int g) {
      const int first = g * s.group, last = min(first + s.group, s.step());
      body(g, sum_range(partial, first * s.stride(), last * s.stride()));
    });
    __syncthreads();
  };
  const Real seen = static_cast<Real>(moments.seen);
  Real term[V];
#pragma unroll
  for (int v = 0; v < V; ++v) term[v] = seen * moments.mean[v];
  store_partial(partial, term, at, s);
  __syncthreads();
  for_groups([&](int g, Real sum) { mean[g] = sum / values; });

#pragma unroll
  for (int v = 0; v < V; ++v) {
    if (at.column >= at.width) break;
    const Real delta = moments.mean[v] - mean[min(at.column + v, at.width - 1) / s.group];
    term[v] = moments.squares[v] + seen * delta * delta;
  }
  store_partial(partial, term, at, s);
  __syncthreads();
  for_groups([&](int g, Real sum) { rstd[g] = 1 / std::sqrt(sum / values + s.epsilon); });
}

// y = f(gamma rstd (x - mean) + beta) for the V channels of a thread. (GN.3)
template <int V, bool kSilu>
struct Normalize {
  Real mean[V], scale[V], shift[V];

  // `mean` and `rstd` of the slab's groups, `gamma` and `beta` of its channels.
  __device__ Normalize(const Real* group_mean, const Real* rstd, const Real* gamma,
                       const Real* beta, int column, int group) {
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const int g = (column + v) / group;
      mean[v] = group_mean[g];
      scale[v] = gamma[column + v] * rstd[g];
      shift[v] = beta[column + v];
    }
  }

  __device__ void operator()(Channels<V> (&x)[kSlabPixels]) const {
#pragma unroll
    for (int i = 0; i < kSlabPixels; ++i) {
#pragma unroll
      for (int v = 0; v < V; ++v) {
        const Real z = std::fma(x[i].at[v] - mean[v], scale[v], shift[v]);
        x[i].at[v] = kSilu ? Silu{}(z) : z;
      }
    }
  }
};

// kHeld: each thread reads its values once and keeps them in registers.
template <int V, bool kSilu, bool kHeld>
__global__ void __launch_bounds__(kSlabThreads, kMinBlocks)
    group_norm_forward_kernel(Real* y, Real* mean, Real* rstd, const Real* x, const Real* gamma,
                              const Real* beta, Slabs s) {
  const Place at(s);
  Real* const partial = dynamic_shared<Real>();
  Real* const slab_mean = partial + s.step() * s.stride();
  Real* const slab_rstd = slab_mean + s.step();
  x += at.slab(s);
  y += at.slab(s);

  Channels<V> held[kSlabPixels];
  Moments<V> moments;
  for_channels<kHeld>(at, s, [&](int c) {
    for_pixels<kHeld>(at, s,
                      [&](int pixel) { moments.add(held, load_pixels<V>(held, x + c, pixel, s)); });
  });
  join_moments(slab_mean, slab_rstd, partial, moments, at, s);
  for (int g = static_cast<int>(threadIdx.x); g < at.width / s.group; g += blockDim.x) {
    mean[at.first_group(s) + g] = slab_mean[g];
    rstd[at.first_group(s) + g] = slab_rstd[g];
  }

  for_channels<kHeld>(at, s, [&](int c) {
    const Normalize<V, kSilu> normalize(slab_mean, slab_rstd, gamma + at.channel, beta + at.channel,
                                        c, s.group);
    for_pixels<kHeld>(at, s, [&](int pixel) {
      if constexpr (!kHeld) load_pixels<V>(held, x + c, pixel, s);
      normalize(held);
      store_pixels(y + c, held, pixel, s);
    });
  });
}

template <int V, bool kSilu>
__global__ void __launch_bounds__(kSlabThreads)
    group_norm_apply_kernel(Real* y, const Real* x, const Real* mean, const Real* rstd,
                            const Real* gamma, const Real* beta, Slabs s) {
  const Place at(s);
  const Index group = at.first_group(s);
  x += at.slab(s);
  y += at.slab(s);
  for_channels<false>(at, s, [&](int c) {
    const Normalize<V, kSilu> normalize(mean + group, rstd + group, gamma + at.channel,
                                        beta + at.channel, c, s.group);
    for_pixels<false>(at, s, [&](int pixel) {
      Channels<V> held[kSlabPixels];
      load_pixels<V>(held, x + c, pixel, s);
      normalize(held);
      store_pixels(y + c, held, pixel, s);
    });
  });
}

bool is_empty(const GroupNormSizes& sizes) { return sizes.n * sizes.pixels * sizes.channels == 0; }

}  // namespace

// ---- on the host -------------------------------------------------------------------------------

// A slab has at least the channels of a sector of memory, 32 bytes, at most those of a line, 128
// bytes, and within that as many as the threads of a block can hold. A single group may be wider.
Slabs plan_slabs(const GroupNormSizes& sizes, bool vectors) {
  constexpr Index kSector = 32 / sizeof(Real), kLine = 128 / sizeof(Real);
  const Index group = sizes.channels / sizes.groups;
  const int vector = vectors && sizes.channels % kVector == 0 ? kVector : 1;
  const Index unit = group * (vector / std::gcd<Index>(group, vector));
  const Index held = kSlabThreads * kSlabPixels * vector / sizes.pixels;  // channels
  const Index wanted = std::clamp(held, kSector, kLine);
  const Index width = std::min(sizes.channels, std::max(unit, wanted / unit * unit));
  const Index columns = std::min<Index>(width / vector, kSlabColumns);
  const Index rows =
      std::clamp<Index>((sizes.pixels + kSlabPixels - 1) / kSlabPixels, 1, kSlabThreads / columns);
  const auto narrow = [](Index i) { return static_cast<int>(i); };
  return {narrow(sizes.pixels), narrow(sizes.channels), narrow(group), narrow(sizes.groups),
          narrow(width),        narrow(columns),        narrow(rows),  vector,
          sizes.epsilon};
}

Launch launch_of(const Slabs& s, Index images, int arrays, int sums) {
  const int threads = (s.columns * s.rows + kWarp - 1) / kWarp * kWarp;
  return {dim3(static_cast<unsigned>(images * s.per_image())), dim3(static_cast<unsigned>(threads)),
          sizeof(Real) * s.step() * (arrays * s.stride() + sums)};
}

void group_norm_forward(Real* y, Real* mean, Real* rstd, const Real* x, const Real* gamma,
                        const Real* beta, const GroupNormSizes& sizes) {
  if (is_empty(sizes)) return;
  const Slabs s = plan_slabs(sizes, is_aligned(x) && is_aligned(y));
  with_vector(s.vector, [&](auto vector) {
    with_constant(sizes.silu, [&](auto silu) {
      with_constant(s.fits(), [&](auto held) {
        launch(group_norm_forward_kernel<vector(), silu(), held()>, launch_of(s, sizes.n, 1, 2), y,
               mean, rstd, x, gamma, beta, s);
      });
    });
  });
}

void group_norm_apply(Real* y, const Real* x, const Real* mean, const Real* rstd, const Real* gamma,
                      const Real* beta, const GroupNormSizes& sizes) {
  if (is_empty(sizes)) return;
  const Slabs s = plan_slabs(sizes, is_aligned(x) && is_aligned(y));
  with_vector(s.vector, [&](auto vector) {
    with_constant(sizes.silu, [&](auto silu) {
      launch(group_norm_apply_kernel<vector(), silu()>, launch_of(s, sizes.n, 0, 0), y, x, mean,
             rstd, gamma, beta, s);
    });
  });
}

}  // namespace ink::cuda
