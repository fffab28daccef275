// The backward pass: sums over each image, then the gradient of each pixel.
#include <algorithm>

#include "tensor/cpu/group_norm.h"
#include "tensor/cpu/group_norm_rows.h"
#include "tensor/cpu/parallel.h"
#include "tensor/cpu/register_tile.h"
#include "tensor/cpu/scratch.h"
#include "tensor/kernels/reduce.h"

namespace ink::cpu {

namespace {

// Rows added up in one run.
constexpr Index kRun = 64;

// The arrays of the backward pass, each with an entry for every column of an image and room for
// whole vectors.
struct Columns {
  Real *mean, *rstd;
  Real *dz, *dz_x;             // sums over the image: of dz, and of dz x_hat
  Real *scale, *shift, *tilt;  // the terms of dx
  static constexpr Index kArrays = 7;

  // The elements of an array. Those of skip channels begin where the others end.
  static Index room(const Rows& shape) { return shape.width + kLanes; }
  Columns(Real* memory, const Rows& shape) {
    for (Real** array : {&mean, &rstd, &dz, &dz_x, &scale, &shift, &tilt}) {
      *array = memory;
      memory += room(shape);
    }
  }
};

template <int kVectors>
void load_columns(Vector (&to)[kVectors], const Real* from) {
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) to[v] = load(from + v * kLanes);
}

// The gradient dz of z = gamma x_hat + beta: with SiLU dy times its slope (GN.6), without it dy.
template <bool kSilu>
struct GradientOfZ {
  const Real *dy, *slope;

  template <class C>
  Vector load(const C& columns, Index i) const {
    const Vector d = columns.load(dy + i);
    return kSilu ? d * columns.load(slope + i) : d;
  }
};

// Adds up dz and dz x_hat by column over an image. Runs of rows are summed apart, lest the error
// grow with the number of rows.
template <class Dz>
void sum_columns(const Dz& dz, const JoinedInput& x, const Columns& column, const Rows& shape) {
  for_each_part(shape, [&](const Part& part) {
    for_strips(part, [&, from = part.in(x)](auto vectors, Index j) {
      constexpr int kVectors = vectors;
      const Index c = part.first + j;
      Vector mean[kVectors], rstd[kVectors], sum[kVectors] = {}, sum_x[kVectors] = {};
      load_columns(mean, column.mean + c);
      load_columns(rstd, column.rstd + c);
      for (Index first = 0; first <= shape.rows; first += kRun) {
        Vector run[kVectors] = {}, run_x[kVectors] = {};
        for_rows<kVectors>(shape, part, j, first, std::min(first + kRun, shape.rows + 1),
                           [&](const auto& columns, int v, Index at, Index row) {
                             const Vector d = dz.load(columns, at);
                             run[v] += d;
                             run_x[v] += d * ((columns.load(from + row) - mean[v]) * rstd[v]);
                           });
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
          sum[v] += run[v];
          sum_x[v] += run_x[v];
        }
      }
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        store(column.dz + c + v * kLanes, sum[v]);
        store(column.dz_x + c + v * kLanes, sum_x[v]);
      }
    });
  });
}

// dbeta[c] and dgamma[c] of one image: the sums over the columns of channel c. (GN.5)
void sum_channels(Real* dbeta, Real* dgamma, const Columns& column, const Rows& shape) {
  const Index channels = shape.channels;
  std::copy(column.dz, column.dz + channels, dbeta);
  std::copy(column.dz_x, column.dz_x + channels, dgamma);
  for (Index pixel = 1; pixel < shape.fold; ++pixel) {
    for (Index c = 0; c < channels; ++c) {
      dbeta[c] += column.dz[pixel * channels + c];
      dgamma[c] += column.dz_x[pixel * channels + c];
    }
  }
}

// out[g] = the mean of gamma times the values whose sums by channel are given, over group g.
void group_means(Real* out, const Real* sums, const Real* gamma, const GroupNormSizes& sizes) {
  const Index group = sizes.channels / sizes.groups;
  for (Index g = 0; g < sizes.groups; ++g) {
    Real sum = 0;
    for (Index c = g * group; c < (g + 1) * group; ++c) sum += gamma[c] * sums[c];
    out[g] = sum / static_cast<Real>(sizes.pixels * group);
  }
}

// dx = rstd (gamma dz - mean(gamma dz) - x_hat mean(gamma dz x_hat)), the means over a group
// (GN.4), added to `so_far` where that is not null: scale dz - (shift + tilt (x - mean)).
template <class Dz>
void write_gradient(const Joined<Real>& dx, const JoinedInput& so_far, const Dz& dz,
                    const JoinedInput& x, const Columns& column, const Rows& shape) {
  for_each_part(shape, [&](const Part& part) {
    const Real *from = part.in(x), *before = part.in(so_far);
    for_strips(part, [&, to = part.in(dx)](auto vectors, Index j) {
      const Index c = part.first + j;
      Vector mean[vectors], scale[vectors], shift[vectors], tilt[vectors];
      load_columns(mean, column.mean + c);
      load_columns(scale, column.scale + c);
      load_columns(shift, column.shift + c);
      load_columns(tilt, column.tilt + c);
      for_rows<vectors>(
          shape, part, j, 0, shape.rows + 1, [&](const auto& columns, int v, Index at, Index row) {
            Vector value = scale[v] * dz.load(columns, at) -
                           (shift[v] + tilt[v] * (columns.load(from + row) - mean[v]));
            if (before != nullptr) {
              __builtin_prefetch(before + row + kAhead, 0, 2);
              value += columns.load(before + row);
            }
            __builtin_prefetch(to + row + kAhead, 1, 2);
            columns.store(to + row, value);
          });
    });
  });
}

// One image; its share of dbeta and dgamma (channels each).
template <class Dz>
void backward_image(const Joined<Real>& dx, Real* dbeta, Real* dgamma, const Dz& dz,
                    const JoinedInput& x, const Real* mean, const Real* rstd, const Real* gamma,
                    const JoinedInput& so_far, const Rows& shape, const GroupNormSizes& sizes) {
  const Scratch<Real> scratch(Columns::kArrays * Columns::room(shape));
  const Columns column(scratch.data(), shape);
  spread(column.mean, shape, sizes, [=](Index, Index g) { return mean[g]; });
  spread(column.rstd, shape, sizes, [=](Index, Index g) { return rstd[g]; });
  sum_columns(dz, x, column, shape);
  sum_channels(dbeta, dgamma, column, shape);

  const Scratch<Real> means(2 * sizes.groups);
  Real *mean_dz = means.data(), *mean_dz_x = mean_dz + sizes.groups;
  group_means(mean_dz, dbeta, gamma, sizes);
  group_means(mean_dz_x, dgamma, gamma, sizes);
  spread(column.scale, shape, sizes, [=](Index c, Index g) { return rstd[g] * gamma[c]; });
  spread(column.shift, shape, sizes, [=](Index, Index g) { return rstd[g] * mean_dz[g]; });
  spread(column.tilt, shape, sizes,
         [=](Index, Index g) { return rstd[g] * rstd[g] * mean_dz_x[g]; });
  write_gradient(dx, so_far, dz, x, column, shape);
}

}  // namespace

void group_norm_backward(const Joined<Real>& dx, Real* dgamma, Real* dbeta, const Real* dy,
                         const Real* slope, const JoinedInput& x, const Real* mean,
                         const Real* rstd, const Real* gamma, const Real* beta,
                         const GroupNormSizes& sizes, const JoinedInput& so_far) {
  const Index channels = sizes.channels;
  const Index image = sizes.pixels * channels;
  // Each image has its own share of dgamma and dbeta; the shares are added in a fixed order.
  const Scratch<Real> shares(2 * sizes.n * channels);
  Real* dbeta_share = shares.data();
  Real* dgamma_share = dbeta_share + sizes.n * channels;
  if (image > 0) {
    const Rows shape(sizes, x.skip_channels);
    parallel_blocks(sizes.n, 1, [&](Index i, Index) {
      const JoinedInput image_x = x.from_image(i, sizes);
      const Real *image_mean = mean + i * sizes.groups, *image_rstd = rstd + i * sizes.groups;
      const auto run = [&](const auto& dz) {
        backward_image(dx.from_image(i, sizes), dbeta_share + i * channels,
                       dgamma_share + i * channels, dz, image_x, image_mean, image_rstd, gamma,
                       so_far.from_image(i, sizes), shape, sizes);
      };
      const Real* image_dy = dy + i * image;
      if (!sizes.silu) return run(GradientOfZ<false>{image_dy, nullptr});
      if (slope != nullptr) return run(GradientOfZ<true>{image_dy, slope + i * image});
      const Scratch<Real> own(image);  // y, and then in its place the slope
      GroupNormSizes one = sizes;
      one.n = 1;
      group_norm_apply(own.data(), own.data(), image_x, image_mean, image_rstd, gamma, beta, one);
      run(GradientOfZ<true>{image_dy, own.data()});
    });
  }
  reduce<Sum>(dbeta, dbeta_share, {1, sizes.n, channels});
  reduce<Sum>(dgamma, dgamma_share, {1, sizes.n, channels});
}

void group_norm_backward(Real* dx, Real* dgamma, Real* dbeta, const Real* dy, const Real* x,
                         const Real* mean, const Real* rstd, const Real* gamma, const Real* beta,
                         const GroupNormSizes& sizes, const Real* so_far) {
  group_norm_backward(Joined<Real>{dx}, dgamma, dbeta, dy, nullptr, JoinedInput{x}, mean, rstd,
                      gamma, beta, sizes, JoinedInput{so_far});
}

}  // namespace ink::cpu
