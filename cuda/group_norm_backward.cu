#include "cuda/group_norm_slab.cuh"
#include "cuda/scratch.h"
#include "tensor/kernels/elementwise.h"

namespace ink::cuda {
namespace {

// The sums of a slab's channels and groups over its pixels, in shared memory.
struct SlabSums {
  Real *partial_dz, *partial_dz_x;  // (channels of a step, stride)
  Real *channel_dz, *channel_dz_x;  // (channels of a step): gamma times the sum over the pixels
  Real *group_dz, *group_dz_x;      // (groups of the slab)
  static constexpr int kArrays = 2, kSums = 4;

  __device__ explicit SlabSums(const Slabs& s) : partial_dz(dynamic_shared<Real>()) {
    partial_dz_x = partial_dz + s.step() * s.stride();
    channel_dz = partial_dz_x + s.step() * s.stride();
    channel_dz_x = channel_dz + s.step();
    group_dz = channel_dz_x + s.step();
    group_dz_x = group_dz + s.step();
  }
};

// What normalises one channel: x_hat = (x - mean) rstd, z = gamma x_hat + beta.
struct ChannelNorm {
  Real mean, rstd, gamma, beta;
};

// The arrays of a slab: mean and rstd of its groups, gamma and beta of its channels.
struct SlabNorm {
  const Real *mean, *rstd, *gamma, *beta;
  int group;

  __device__ ChannelNorm of(int channel) const {
    const int g = channel / group;
    return {mean[g], rstd[g], gamma[channel], beta[channel]};
  }
};

// For the V channels of a thread, x becomes x_hat (GN.2) and dy becomes dz (GN.6).
template <bool kSilu, int V>
__device__ void differentiate(Channels<V> (&dy)[kSlabPixels], Channels<V> (&x)[kSlabPixels],
                              const SlabNorm& norm, int column) {
#pragma unroll
  for (int v = 0; v < V; ++v) {
    const ChannelNorm channel = norm.of(column + v);
#pragma unroll
    for (int i = 0; i < kSlabPixels; ++i) {
      const Real x_hat = (x[i].at[v] - channel.mean) * channel.rstd;
      x[i].at[v] = x_hat;
      if (kSilu) {
        const Real z = std::fma(channel.gamma, x_hat, channel.beta);
        dy[i].at[v] = SiluGrad{}(dy[i].at[v], z);
      }
    }
  }
}

// Adds dz and dz x_hat of up to `count` pixels to the sums of the V channels of a thread.
template <int V>
__device__ void add_pixels(Real (&dz_sum)[V], Real (&dz_x_sum)[V],
                           const Channels<V> (&dz)[kSlabPixels],
                           const Channels<V> (&x_hat)[kSlabPixels], int count) {
#pragma unroll
  for (int v = 0; v < V; ++v) {
#pragma unroll
    for (int i = 0; i < kSlabPixels; ++i) {
      if (i >= count) continue;
      dz_sum[v] += dz[i].at[v];
      dz_x_sum[v] += dz[i].at[v] * x_hat[i].at[v];
    }
  }
}

// The sums of channels start, start + 1, ... of the slab: the image's share of dbeta and dgamma
// (GN.5), and what they add to the sums of their groups.
__device__ void join_channels(Real* dgamma, Real* dbeta, const SlabSums& sums, const Real* gamma,
                              int start, const Place& at, const Slabs& s) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int channels = min(s.step(), at.width - start);
  __syncthreads();
  for_each_warp(channels, [&](int c) {
    const int first = c * s.stride(), last = first + s.stride();
    const Real dz = sum_range(sums.partial_dz, first, last);
    const Real dz_x = sum_range(sums.partial_dz_x, first, last);
    if (lane != 0) return;
    dbeta[start + c] = dz;
    dgamma[start + c] = dz_x;
    sums.channel_dz[c] = gamma[start + c] * dz;
    sums.channel_dz_x[c] = gamma[start + c] * dz_x;
  });
  __syncthreads();
  for_each_warp((channels + s.group - 1) / s.group, [&](int g) {
    const int first = g * s.group, last = min(first + s.group, channels);
    const Real dz = sum_range(sums.channel_dz, first, last);
    const Real dz_x = sum_range(sums.channel_dz_x, first, last);
    if (lane != 0) return;
    sums.group_dz[g] = start == 0 ? dz : sums.group_dz[g] + dz;
    sums.group_dz_x[g] = start == 0 ? dz_x : sums.group_dz_x[g] + dz_x;
  });
}

// dx = rstd (gamma dz - mean(gamma dz) - x_hat mean(gamma dz x_hat)), where dz was. (GN.4)
template <int V>
__device__ void finish(Channels<V> (&dz)[kSlabPixels], const Channels<V> (&x_hat)[kSlabPixels],
                       const SlabNorm& norm, const SlabSums& sums, int column, const Slabs& s) {
  const Real values = s.values();
#pragma unroll
  for (int v = 0; v < V; ++v) {
    const int g = (column + v) / s.group;
    const ChannelNorm channel = norm.of(column + v);
    const Real mean_dz = sums.group_dz[g] / values, mean_dz_x = sums.group_dz_x[g] / values;
#pragma unroll
    for (int i = 0; i < kSlabPixels; ++i) {
      const Real along = std::fma(x_hat[i].at[v], mean_dz_x, mean_dz);
      dz[i].at[v] = channel.rstd * (channel.gamma * dz[i].at[v] - along);
    }
  }
}

template <int V>
__device__ void add(Channels<V> (&to)[kSlabPixels], const Channels<V> (&terms)[kSlabPixels]) {
#pragma unroll
  for (int i = 0; i < kSlabPixels; ++i) {
#pragma unroll
    for (int v = 0; v < V; ++v) to[i].at[v] += terms[i].at[v];
  }
}

// kHeld: each thread reads its values once and keeps them in registers. dgamma and dbeta are (n,
// channels) here: the shares of the images.
template <int V, bool kSilu, bool kHeld>
__global__ void __launch_bounds__(kSlabThreads, 1)
    group_norm_backward_kernel(Real* dx, Real* dgamma, Real* dbeta, const Real* dy, const Real* x,
                               const Real* mean, const Real* rstd, const Real* gamma,
                               const Real* beta, const Real* so_far, Slabs s) {
  const Place at(s);
  const SlabSums sums(s);
  x += at.slab(s);
  dy += at.slab(s);
  dx += at.slab(s);
  const SlabNorm norm = {mean + at.first_group(s), rstd + at.first_group(s), gamma + at.channel,
                         beta + at.channel, s.group};
  const Index share = at.image * s.channels + at.channel;

  Channels<V> x_hat[kSlabPixels], dz[kSlabPixels];
  for (int start = 0; start < at.width; start += s.step()) {
    const int c = start + at.column;
    Real dz_sum[V] = {}, dz_x_sum[V] = {};
    if (c < at.width) {
      for_pixels<kHeld>(at, s, [&](int pixel) {
        const int count = load_pixels<V>(x_hat, x + c, pixel, s);
        load_pixels<V>(dz, dy + c, pixel, s);
        differentiate<kSilu>(dz, x_hat, norm, c);
        add_pixels<V>(dz_sum, dz_x_sum, dz, x_hat, count);
      });
    }
    store_partial(sums.partial_dz, dz_sum, at, s);
    store_partial(sums.partial_dz_x, dz_x_sum, at, s);
    join_channels(dgamma + share, dbeta + share, sums, norm.gamma, start, at, s);
  }
  __syncthreads();

  for_channels<kHeld>(at, s, [&](int c) {
    for_pixels<kHeld>(at, s, [&](int pixel) {
      if constexpr (!kHeld) {
        load_pixels<V>(x_hat, x + c, pixel, s);
        load_pixels<V>(dz, dy + c, pixel, s);
        differentiate<kSilu>(dz, x_hat, norm, c);
      }
      finish(dz, x_hat, norm, sums, c, s);
      if (so_far != nullptr) {
        load_pixels<V>(x_hat, so_far + at.slab(s) + c, pixel, s);
        add(dz, x_hat);
      }
      store_pixels(dx + c, dz, pixel, s);
    });
  });
}

// dgamma and dbeta (channels) from the shares (2, n, channels) of the images: eight sums over every
// eighth image for each channel, then the sum of these.
constexpr int kSumRows = 8;
__global__ void __launch_bounds__(kSumRows* kWarp)
    group_norm_sum_images_kernel(Real* dgamma, Real* dbeta, const Real* shares, Index n,
                                 Index channels) {
  __shared__ Real partial[kSumRows][kWarp];
  const int lane = static_cast<int>(threadIdx.x), row = static_cast<int>(threadIdx.y);
  const Index channel = static_cast<Index>(blockIdx.x) * kWarp + lane;
  Real sum = 0;
  if (channel < channels) {
    const Real* share = shares + blockIdx.y * n * channels + channel;
    for (Index i = row; i < n; i += kSumRows) sum += share[i * channels];
  }
  partial[row][lane] = sum;
  __syncthreads();
  if (row > 0 || channel >= channels) return;
  for (int r = 1; r < kSumRows; ++r) sum += partial[r][lane];
  (blockIdx.y == 0 ? dgamma : dbeta)[channel] = sum;
}

}  // namespace

void group_norm_backward(Real* dx, Real* dgamma, Real* dbeta, const Real* dy, const Real* x,
                         const Real* mean, const Real* rstd, const Real* gamma, const Real* beta,
                         const GroupNormSizes& sizes, const Real* so_far) {
  if (sizes.channels == 0) return;
  // Each image has its own share of dgamma and dbeta; the shares are added in a fixed order.
  const Index images = sizes.pixels > 0 ? sizes.n : 0, share = images * sizes.channels;
  const Scratch<Real> shares(2 * share);
  Real *const dgamma_shares = shares.data(), *const dbeta_shares = dgamma_shares + share;
  if (images > 0) {
    const Slabs s =
        plan_slabs(sizes, is_aligned(x) && is_aligned(dy) && is_aligned(dx) && is_aligned(so_far));
    with_vector(s.vector, [&](auto vector) {
      with_constant(sizes.silu, [&](auto silu) {
        with_constant(s.fits(), [&](auto held) {
          launch(group_norm_backward_kernel<vector(), silu(), held()>,
                 launch_of(s, images, SlabSums::kArrays, SlabSums::kSums), dx, dgamma_shares,
                 dbeta_shares, dy, x, mean, rstd, gamma, beta, so_far, s);
        });
      });
    });
  }
  const auto blocks = static_cast<unsigned>((sizes.channels + kWarp - 1) / kWarp);
  launch(group_norm_sum_images_kernel, Launch{dim3(blocks, 2), dim3(kWarp, kSumRows)}, dgamma,
         dbeta, shares.data(), images, sizes.channels);
}

}  // namespace ink::cuda
