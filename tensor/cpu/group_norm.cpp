#include "tensor/cpu/group_norm.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "tensor/cpu/parallel.h"
#include "tensor/cpu/register_tile.h"
#include "tensor/cpu/scratch.h"
#include "tensor/kernels/elementwise.h"
#include "tensor/kernels/reduce.h"

namespace ink::cpu {

namespace {

// Rows whose deviations are taken from the mean of these rows alone, and rows added up in one run.
constexpr Index kRows = 8;
constexpr Index kRun = 64;

// An image read as rows of `width` columns: `fold` pixels to a row, so that the columns fill
// vectors whatever the number of channels. The pixels left over make one last, shorter row.
struct Rows {
  Index channels;
  Index fold;
  Index width;      // fold * channels
  Index rows;       // full ones
  Index remainder;  // columns of the last row

  explicit Rows(const GroupNormSizes& sizes) : channels(sizes.channels) {
    fold = std::clamp<Index>(64 / channels, 1, sizes.pixels);
    width = fold * channels;
    rows = sizes.pixels / fold;
    remainder = (sizes.pixels - rows * fold) * channels;
  }

  // Values that column j has seen once the image is read.
  Index count(Index j) const { return rows + (j < remainder ? 1 : 0); }
};

// Adds kCount rows to the running mean and sum of squared deviations m2 of every column, which have
// seen `seen` rows. The squares are taken around the mean of the new rows, so that no large mean
// cancels (GN.7), and joined as in Chan, Golub & LeVeque (1979). (GN.8)
template <Index kCount>
void add_rows(Real* mean, Real* m2, const Real* x, Index width, Index columns, Index seen) {
  const Real share = Real(kCount) / Real(seen + kCount);
  const Real weight = share * Real(seen);
#pragma omp simd
  for (Index j = 0; j < columns; ++j) {
    Real value[kCount];
    Real sum = 0;
    for (Index r = 0; r < kCount; ++r) {
      value[r] = x[r * width + j];
      sum += value[r];
    }
    const Real center = sum * (Real(1) / kCount);
    Real squares = 0;
    for (Index r = 0; r < kCount; ++r) squares += (value[r] - center) * (value[r] - center);
    const Real delta = center - mean[j];
    mean[j] += delta * share;
    m2[j] += squares + delta * delta * weight;
  }
}

// The mean and the sum of squared deviations of every column of one image.
void column_moments(Real* mean, Real* m2, const Real* x, const Rows& shape) {
  const Index width = shape.width;
  std::fill(mean, mean + width, Real(0));
  std::fill(m2, m2 + width, Real(0));
  Index row = 0;
  for (; row + kRows <= shape.rows; row += kRows) {
    add_rows<kRows>(mean, m2, x + row * width, width, width, row);
  }
  for (; row < shape.rows; ++row) add_rows<1>(mean, m2, x + row * width, width, width, row);
  add_rows<1>(mean, m2, x + row * width, width, shape.remainder, row);
}

// mean and 1 / sqrt(variance + epsilon) of every group from the moments of the columns. (GN.1)
void group_moments(Real* mean, Real* rstd, const Real* column_mean, const Real* column_m2,
                   const Rows& shape, const GroupNormSizes& sizes) {
  const Index group = sizes.channels / sizes.groups;
  const Real values = static_cast<Real>(sizes.pixels * group);
  const auto sum_columns = [&](Index g, const auto& term) {
    Real sum = 0;
    for (Index pixel = 0; pixel < shape.fold; ++pixel) {
      const Index first = pixel * sizes.channels + g * group;
      for (Index j = first; j < first + group; ++j) sum += term(j);
    }
    return sum;
  };
  for (Index g = 0; g < sizes.groups; ++g) {
    const Real center =
        sum_columns(g, [&](Index j) { return Real(shape.count(j)) * column_mean[j]; }) / values;
    const Real squares = sum_columns(g, [&](Index j) {
      const Real delta = column_mean[j] - center;
      return column_m2[j] + Real(shape.count(j)) * delta * delta;
    });
    mean[g] = center;
    rstd[g] = 1 / std::sqrt(squares / values + sizes.epsilon);
  }
}

// column[pixel, c] = value(c, group of c)
template <class Value>
void spread(Real* column, const Rows& shape, const GroupNormSizes& sizes, const Value& value) {
  const Index group = sizes.channels / sizes.groups;
  for (Index g = 0; g < sizes.groups; ++g) {
    for (Index c = g * group; c < (g + 1) * group; ++c) column[c] = value(c, g);
  }
  for (Index pixel = 1; pixel < shape.fold; ++pixel) {
    std::copy(column, column + sizes.channels, column + pixel * sizes.channels);
  }
}

// Calls body(offset, columns) for rows first to last - 1; row `shape.rows` is the shorter one.
template <class Body>
void for_rows(const Rows& shape, Index first, Index last, const Body& body) {
  for (Index r = first; r < last; ++r) {
    body(r * shape.width, r < shape.rows ? shape.width : shape.remainder);
  }
}

// Asks for the cache lines of x[0, count) ahead of their use.
void prefetch(const Real* x, Index count) {
  for (Index j = 0; j < count; j += kCacheLine) __builtin_prefetch(x + j, 0, 2);
}

// y = f(scale (x - mean) + shift) for one image (GN.3). The next image is fetched meanwhile.
template <class F>
void normalize(Real* y, const Real* x, const Real* next, const Real* mean, const Real* scale,
               const Real* shift, const Rows& shape, F f) {
  for_rows(shape, 0, shape.rows + 1, [=](Index offset, Index columns) {
    prefetch(next + offset, columns);
    const Real* from = x + offset;
    Real* to = y + offset;
#pragma omp simd
    for (Index j = 0; j < columns; ++j) to[j] = f((from[j] - mean[j]) * scale[j] + shift[j]);
  });
}

struct Identity {
  Real operator()(Real x) const { return x; }
};

// One image, whose successor in memory is fetched meanwhile.
void apply_to_image(Real* y, const Real* x, const Real* next, const Real* mean, const Real* rstd,
                    const Real* gamma, const Real* beta, const Rows& shape,
                    const GroupNormSizes& sizes) {
  const Scratch<Real> scratch(3 * shape.width);
  Real *center = scratch.data(), *scale = center + shape.width, *shift = scale + shape.width;
  spread(center, shape, sizes, [=](Index, Index g) { return mean[g]; });
  spread(scale, shape, sizes, [=](Index c, Index g) { return gamma[c] * rstd[g]; });
  spread(shift, shape, sizes, [=](Index c, Index) { return beta[c]; });
  if (sizes.silu)
    normalize(y, x, next, center, scale, shift, shape, Silu{});
  else
    normalize(y, x, next, center, scale, shift, shape, Identity{});
}

}  // namespace

void group_norm_forward(Real* y, Real* mean, Real* rstd, const Real* x, const Real* gamma,
                        const Real* beta, const GroupNormSizes& sizes) {
  const Index image = sizes.pixels * sizes.channels;
  if (image == 0) return;
  const Rows shape(sizes);
  parallel_blocks(sizes.n, 1, [&](Index i, Index) {
    const Scratch<Real> scratch(2 * shape.width);
    Real *column_mean = scratch.data(), *column_m2 = column_mean + shape.width;
    const Real* image_x = x + i * image;
    const Real* next = i + 1 < sizes.n ? image_x + image : image_x;
    Real *image_mean = mean + i * sizes.groups, *image_rstd = rstd + i * sizes.groups;
    column_moments(column_mean, column_m2, image_x, shape);
    group_moments(image_mean, image_rstd, column_mean, column_m2, shape, sizes);
    apply_to_image(y + i * image, image_x, next, image_mean, image_rstd, gamma, beta, shape, sizes);
  });
}

void group_norm_apply(Real* y, const Real* x, const Real* mean, const Real* rstd, const Real* gamma,
                      const Real* beta, const GroupNormSizes& sizes) {
  const Index image = sizes.pixels * sizes.channels;
  if (image == 0) return;
  const Rows shape(sizes);
  parallel_blocks(sizes.n, 1, [&](Index i, Index) {
    const Real* next = x + std::min(i + 1, sizes.n - 1) * image;
    apply_to_image(y + i * image, x + i * image, next, mean + i * sizes.groups,
                   rstd + i * sizes.groups, gamma, beta, shape, sizes);
  });
}

namespace {

// The arrays of the backward pass, each with an entry for every column of an image.
struct Columns {
  Real *mean, *rstd, *gamma, *beta;
  Real *dz, *dz_x;          // sums over the image: of dz, and of dz x_hat
  Real *run_dz, *run_dz_x;  // the same over one run of rows
  static constexpr Index kArrays = 8;

  Columns(Real* memory, Index width) {
    for (Real** array : {&mean, &rstd, &gamma, &beta, &dz, &dz_x, &run_dz, &run_dz_x}) {
      *array = memory;
      memory += width;
    }
  }
};

// The gradient dz of z = gamma x_hat + beta (GN.6), added up by column in dz_sum and, times x_hat,
// in dz_x_sum. With SiLU dz is kept in `dz`; without, it is dy.
template <bool kSilu>
void add_rows_backward(Real* dz, const Real* dy, const Real* x, const Columns& column,
                       Index columns) {
  const Real *mean = column.mean, *rstd = column.rstd, *gamma = column.gamma, *beta = column.beta;
  Real *dz_sum = column.run_dz, *dz_x_sum = column.run_dz_x;
#pragma omp simd
  for (Index j = 0; j < columns; ++j) {
    const Real x_hat = (x[j] - mean[j]) * rstd[j];
    Real d = dy[j];
    if constexpr (kSilu) {
      d = SiluGrad{}(d, gamma[j] * x_hat + beta[j]);
      dz[j] = d;
    }
    dz_sum[j] += d;
    dz_x_sum[j] += d * x_hat;
  }
}

// The same for a whole image. Runs of rows are summed apart, lest the error grow with the number of
// rows.
template <bool kSilu>
void sum_columns(Real* dz, const Real* dy, const Real* x, const Columns& column,
                 const Rows& shape) {
  std::fill(column.dz, column.dz + 2 * shape.width, Real(0));
  for (Index first = 0; first <= shape.rows; first += kRun) {
    std::fill(column.run_dz, column.run_dz + 2 * shape.width, Real(0));
    for_rows(shape, first, std::min(first + kRun, shape.rows + 1),
             [&](Index offset, Index columns) {
               add_rows_backward<kSilu>(dz + offset, dy + offset, x + offset, column, columns);
             });
#pragma omp simd
    for (Index j = 0; j < 2 * shape.width; ++j) column.dz[j] += column.run_dz[j];
  }
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

// One image; its share of dbeta and dgamma (channels each).
template <bool kSilu, bool kAdds>
void backward_image(Real* dx, Real* dbeta, Real* dgamma, const Real* dy, const Real* x,
                    const Real* mean, const Real* rstd, const Real* gamma, const Real* beta,
                    const Real* so_far, const Rows& shape, const GroupNormSizes& sizes) {
  // Where dz waits: dx, unless that may hold what it is added to.
  const Scratch<Real> waiting(kSilu && kAdds ? sizes.pixels * sizes.channels : 0);
  Real* const kept = kAdds ? waiting.data() : dx;
  const Scratch<Real> scratch(Columns::kArrays * shape.width);
  const Columns column(scratch.data(), shape.width);
  spread(column.mean, shape, sizes, [=](Index, Index g) { return mean[g]; });
  spread(column.rstd, shape, sizes, [=](Index, Index g) { return rstd[g]; });
  spread(column.gamma, shape, sizes, [=](Index c, Index) { return gamma[c]; });
  spread(column.beta, shape, sizes, [=](Index c, Index) { return beta[c]; });
  sum_columns<kSilu>(kept, dy, x, column, shape);
  sum_channels(dbeta, dgamma, column, shape);

  // dx = rstd (gamma dz - mean(gamma dz) - x_hat mean(gamma dz x_hat)), the means over a group
  // (GN.4).
  Real *mean_dz = column.run_dz, *mean_dz_x = column.run_dz_x;
  group_means(mean_dz, dbeta, gamma, sizes);
  group_means(mean_dz_x, dgamma, gamma, sizes);
  Real *scale = column.gamma, *shift = column.beta, *slope = column.rstd;
  spread(scale, shape, sizes, [=](Index c, Index g) { return rstd[g] * gamma[c]; });
  spread(shift, shape, sizes, [=](Index, Index g) { return rstd[g] * mean_dz[g]; });
  spread(slope, shape, sizes, [=](Index, Index g) { return rstd[g] * rstd[g] * mean_dz_x[g]; });
  const Real* dz = kSilu ? kept : dy;
  for_rows(shape, 0, shape.rows + 1, [=, center = column.mean](Index offset, Index columns) {
#pragma omp simd
    for (Index j = 0; j < columns; ++j) {
      const Real deviation = x[offset + j] - center[j];
      const Real value = scale[j] * dz[offset + j] - (shift[j] + slope[j] * deviation);
      dx[offset + j] = kAdds ? so_far[offset + j] + value : value;
    }
  });
}

}  // namespace

void group_norm_backward(Real* dx, Real* dgamma, Real* dbeta, const Real* dy, const Real* x,
                         const Real* mean, const Real* rstd, const Real* gamma, const Real* beta,
                         const GroupNormSizes& sizes, const Real* so_far) {
  const Index channels = sizes.channels;
  const Index image = sizes.pixels * channels;
  // Each image has its own share of dgamma and dbeta; the shares are added in a fixed order.
  const Scratch<Real> shares(2 * sizes.n * channels);
  Real* dbeta_share = shares.data();
  Real* dgamma_share = dbeta_share + sizes.n * channels;
  if (image > 0) {
    const Rows shape(sizes);
    constexpr auto adding = std::array{backward_image<false, true>, backward_image<true, true>};
    constexpr auto alone = std::array{backward_image<false, false>, backward_image<true, false>};
    const auto one_image = (so_far != nullptr ? adding : alone)[sizes.silu];
    parallel_blocks(sizes.n, 1, [&](Index i, Index) {
      one_image(dx + i * image, dbeta_share + i * channels, dgamma_share + i * channels,
                dy + i * image, x + i * image, mean + i * sizes.groups, rstd + i * sizes.groups,
                gamma, beta, shifted(so_far, i * image), shape, sizes);
    });
  }
  reduce<Sum>(dbeta, dbeta_share, {1, sizes.n, channels});
  reduce<Sum>(dgamma, dgamma_share, {1, sizes.n, channels});
}

}  // namespace ink::cpu
