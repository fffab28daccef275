#include "tensor/cpu/group_norm.h"

#include <algorithm>
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
// vectors whatever the number of channels. The pixels left over make one last, shorter row. Of an
// image that is joined from two, a row is one pixel.
struct Rows {
  Index channels;
  Index fold;
  Index width;      // fold * channels
  Index split;      // columns that come from the first array
  Index rows;       // full ones
  Index remainder;  // columns of the last row

  Rows(const GroupNormSizes& sizes, Index skip_channels) : channels(sizes.channels) {
    fold = skip_channels > 0 ? 1 : std::clamp<Index>(64 / channels, 1, sizes.pixels);
    width = fold * channels;
    split = width - skip_channels;
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

// The mean and the sum of squared deviations of `width` columns of one image.
void column_moments(Real* mean, Real* m2, const Real* x, Index width, const Rows& shape) {
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

// The columns of an image that come from one array.
struct Part {
  Index first, width;
  bool of_skip;

  template <class T>
  T* in(const Joined<T>& image) const {
    return of_skip ? image.skip : image.x;
  }
};

template <class Body>
void for_each_part(const Rows& shape, const Body& body) {
  for (const Part part :
       {Part{0, shape.split, false}, Part{shape.split, shape.width - shape.split, true}})
    if (part.width > 0) body(part);
}

// Calls body(offset in the image, offset in the part's array, columns) for rows first to last - 1;
// row `shape.rows` is the shorter one.
template <class Body>
void for_rows(const Rows& shape, const Part& part, Index first, Index last, const Body& body) {
  for (Index r = first; r < last; ++r)
    body(r * shape.width + part.first, r * part.width,
         r < shape.rows ? part.width : shape.remainder);
}

// Asks for the cache lines of x[0, count) ahead of their use.
void prefetch(const Real* x, Index count) {
  for (Index j = 0; j < count; j += kCacheLine) __builtin_prefetch(x + j, 0, 2);
}

// y = f(scale (x - mean) + shift) for one image (GN.3). The next image is fetched meanwhile.
template <class F>
void normalize(Real* y, const JoinedInput& x, const JoinedInput& next, const Real* mean,
               const Real* scale, const Real* shift, const Rows& shape, F f) {
  for_each_part(shape, [&](const Part& part) {
    const Real *m = mean + part.first, *a = scale + part.first, *b = shift + part.first;
    for_rows(shape, part, 0, shape.rows + 1,
             [=, from = part.in(x), ahead = part.in(next)](Index at, Index row, Index columns) {
               prefetch(ahead + row, columns);
#pragma omp simd
               for (Index j = 0; j < columns; ++j)
                 y[at + j] = f((from[row + j] - m[j]) * a[j] + b[j]);
             });
  });
}

struct Identity {
  Real operator()(Real x) const { return x; }
};

// One image, whose successor in memory is fetched meanwhile.
void apply_to_image(Real* y, const JoinedInput& x, const JoinedInput& next, const Real* mean,
                    const Real* rstd, const Real* gamma, const Real* beta, const Rows& shape,
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

void group_norm_forward(Real* y, Real* mean, Real* rstd, const JoinedInput& x, const Real* gamma,
                        const Real* beta, const GroupNormSizes& sizes) {
  const Index image = sizes.pixels * sizes.channels;
  if (image == 0) return;
  const Rows shape(sizes, x.skip_channels);
  parallel_blocks(sizes.n, 1, [&](Index i, Index) {
    const Scratch<Real> scratch(2 * shape.width);
    Real *column_mean = scratch.data(), *column_m2 = column_mean + shape.width;
    const JoinedInput image_x = x.from_image(i, sizes),
                      next = x.from_image(std::min(i + 1, sizes.n - 1), sizes);
    Real *image_mean = mean + i * sizes.groups, *image_rstd = rstd + i * sizes.groups;
    for_each_part(shape, [&](const Part& part) {
      column_moments(column_mean + part.first, column_m2 + part.first, part.in(image_x), part.width,
                     shape);
    });
    group_moments(image_mean, image_rstd, column_mean, column_m2, shape, sizes);
    apply_to_image(y + i * image, image_x, next, image_mean, image_rstd, gamma, beta, shape, sizes);
  });
}

void group_norm_apply(Real* y, const JoinedInput& x, const Real* mean, const Real* rstd,
                      const Real* gamma, const Real* beta, const GroupNormSizes& sizes) {
  const Index image = sizes.pixels * sizes.channels;
  if (image == 0) return;
  const Rows shape(sizes, x.skip_channels);
  parallel_blocks(sizes.n, 1, [&](Index i, Index) {
    const JoinedInput next = x.from_image(std::min(i + 1, sizes.n - 1), sizes);
    apply_to_image(y + i * image, x.from_image(i, sizes), next, mean + i * sizes.groups,
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
void add_rows_backward(Real* dz, const Real* dy, const Real* x, const Columns& column, Index first,
                       Index columns) {
  const Real *mean = column.mean + first, *rstd = column.rstd + first,
             *gamma = column.gamma + first, *beta = column.beta + first;
  Real *dz_sum = column.run_dz + first, *dz_x_sum = column.run_dz_x + first;
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
void sum_columns(Real* dz, const Real* dy, const JoinedInput& x, const Columns& column,
                 const Rows& shape) {
  std::fill(column.dz, column.dz + 2 * shape.width, Real(0));
  for (Index first = 0; first <= shape.rows; first += kRun) {
    std::fill(column.run_dz, column.run_dz + 2 * shape.width, Real(0));
    for_each_part(shape, [&](const Part& part) {
      const Real* from = part.in(x);
      for_rows(shape, part, first, std::min(first + kRun, shape.rows + 1),
               [&](Index at, Index row, Index columns) {
                 add_rows_backward<kSilu>(dz + at, dy + at, from + row, column, part.first,
                                          columns);
               });
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

// dx = rstd (gamma dz - mean(gamma dz) - x_hat mean(gamma dz x_hat)), the means over a group
// (GN.4), added to `so_far` where that is not null. The columns hold rstd gamma in `gamma`, and
// what the deviation of x multiplies in `rstd` and is added to in `beta`.
void write_gradient(const Joined<Real>& dx, const JoinedInput& so_far, const Real* dz,
                    const JoinedInput& x, const Columns& column, const Rows& shape) {
  for_each_part(shape, [&](const Part& part) {
    const Real *from = part.in(x), *before = part.in(so_far);
    Real* to = part.in(dx);
    const Real *center = column.mean + part.first, *scale = column.gamma + part.first,
               *shift = column.beta + part.first, *slope = column.rstd + part.first;
    for_rows(shape, part, 0, shape.rows + 1, [=](Index at, Index row, Index columns) {
      const auto value = [=](Index j) {
        return scale[j] * dz[at + j] - (shift[j] + slope[j] * (from[row + j] - center[j]));
      };
      if (before != nullptr) {
#pragma omp simd
        for (Index j = 0; j < columns; ++j) to[row + j] = before[row + j] + value(j);
      } else {
#pragma omp simd
        for (Index j = 0; j < columns; ++j) to[row + j] = value(j);
      }
    });
  });
}

// One image; its share of dbeta and dgamma (channels each).
template <bool kSilu>
void backward_image(const Joined<Real>& dx, Real* dbeta, Real* dgamma, const Real* dy,
                    const JoinedInput& x, const Real* mean, const Real* rstd, const Real* gamma,
                    const Real* beta, const JoinedInput& so_far, const Rows& shape,
                    const GroupNormSizes& sizes) {
  // Where dz waits: dx, unless that is two arrays or may hold what it is added to.
  const bool in_place = so_far.x == nullptr && dx.skip == nullptr;
  const Scratch<Real> waiting(kSilu && !in_place ? sizes.pixels * sizes.channels : 0);
  Real* const kept = in_place ? dx.x : waiting.data();
  const Scratch<Real> scratch(Columns::kArrays * shape.width);
  const Columns column(scratch.data(), shape.width);
  spread(column.mean, shape, sizes, [=](Index, Index g) { return mean[g]; });
  spread(column.rstd, shape, sizes, [=](Index, Index g) { return rstd[g]; });
  spread(column.gamma, shape, sizes, [=](Index c, Index) { return gamma[c]; });
  spread(column.beta, shape, sizes, [=](Index c, Index) { return beta[c]; });
  sum_columns<kSilu>(kept, dy, x, column, shape);
  sum_channels(dbeta, dgamma, column, shape);

  Real *mean_dz = column.run_dz, *mean_dz_x = column.run_dz_x;
  group_means(mean_dz, dbeta, gamma, sizes);
  group_means(mean_dz_x, dgamma, gamma, sizes);
  spread(column.gamma, shape, sizes, [=](Index c, Index g) { return rstd[g] * gamma[c]; });
  spread(column.beta, shape, sizes, [=](Index, Index g) { return rstd[g] * mean_dz[g]; });
  spread(column.rstd, shape, sizes,
         [=](Index, Index g) { return rstd[g] * rstd[g] * mean_dz_x[g]; });
  write_gradient(dx, so_far, kSilu ? kept : dy, x, column, shape);
}

}  // namespace

void group_norm_backward(const Joined<Real>& dx, Real* dgamma, Real* dbeta, const Real* dy,
                         const JoinedInput& x, const Real* mean, const Real* rstd,
                         const Real* gamma, const Real* beta, const GroupNormSizes& sizes,
                         const JoinedInput& so_far) {
  const Index channels = sizes.channels;
  const Index image = sizes.pixels * channels;
  // Each image has its own share of dgamma and dbeta; the shares are added in a fixed order.
  const Scratch<Real> shares(2 * sizes.n * channels);
  Real* dbeta_share = shares.data();
  Real* dgamma_share = dbeta_share + sizes.n * channels;
  if (image > 0) {
    const Rows shape(sizes, x.skip_channels);
    const auto one_image = sizes.silu ? backward_image<true> : backward_image<false>;
    parallel_blocks(sizes.n, 1, [&](Index i, Index) {
      one_image(dx.from_image(i, sizes), dbeta_share + i * channels, dgamma_share + i * channels,
                dy + i * image, x.from_image(i, sizes), mean + i * sizes.groups,
                rstd + i * sizes.groups, gamma, beta, so_far.from_image(i, sizes), shape, sizes);
    });
  }
  reduce<Sum>(dbeta, dbeta_share, {1, sizes.n, channels});
  reduce<Sum>(dgamma, dgamma_share, {1, sizes.n, channels});
}

void group_norm_forward(Real* y, Real* mean, Real* rstd, const Real* x, const Real* gamma,
                        const Real* beta, const GroupNormSizes& sizes) {
  group_norm_forward(y, mean, rstd, JoinedInput{x}, gamma, beta, sizes);
}

void group_norm_backward(Real* dx, Real* dgamma, Real* dbeta, const Real* dy, const Real* x,
                         const Real* mean, const Real* rstd, const Real* gamma, const Real* beta,
                         const GroupNormSizes& sizes, const Real* so_far) {
  group_norm_backward(Joined<Real>{dx}, dgamma, dbeta, dy, JoinedInput{x}, mean, rstd, gamma, beta,
                      sizes, JoinedInput{so_far});
}

}  // namespace ink::cpu
