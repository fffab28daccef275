#include "tensor/cpu/group_norm.h"

#include <algorithm>
#include <cmath>

#include "tensor/cpu/group_norm_rows.h"
#include "tensor/cpu/parallel.h"
#include "tensor/cpu/register_tile.h"
#include "tensor/cpu/scratch.h"
#include "tensor/kernels/elementwise.h"

namespace ink::cpu {

namespace {

// Rows whose deviations are taken from the mean of these rows alone.
constexpr Index kRows = 8;

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
    for (Index k = 0; k < kRows * width; k += kCacheLine)
      __builtin_prefetch(x + row * width + k + kAhead, 0, 2);
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

// Calls f(place in the image, z) with z = scale (x - mean) + shift for one image (GN.3).
template <class F>
void normalize(const JoinedInput& x, const Real* mean, const Real* scale, const Real* shift,
               const Rows& shape, F f) {
  for_each_part(shape, [&](const Part& part) {
    for_strips(part, [&](auto vectors, Index j) {
      const Index c = part.first + j;
      for_rows<vectors>(shape, part, j, 0, shape.rows + 1,
                        [=, from = part.in(x)](const auto& columns, int v, Index at, Index row) {
                          __builtin_prefetch(from + row + kAhead, 0, 2);
                          const Index k = c + v * kLanes;
                          const Real *m = mean + k, *a = scale + k, *b = shift + k;
#pragma omp simd
                          for (int l = 0; l < columns.count; ++l)
                            f(at + l, (from[row + l] - m[l]) * a[l] + b[l]);
                        });
    });
  });
}

// One image: y, and unless null the derivative of SiLU that the backward pass needs.
void apply_to_image(Real* y, Real* slope, const JoinedInput& x, const Real* mean, const Real* rstd,
                    const Real* gamma, const Real* beta, const Rows& shape,
                    const GroupNormSizes& sizes) {
  const Scratch<Real> scratch(3 * shape.width);
  Real *center = scratch.data(), *scale = center + shape.width, *shift = scale + shape.width;
  spread(center, shape, sizes, [=](Index, Index g) { return mean[g]; });
  spread(scale, shape, sizes, [=](Index c, Index g) { return gamma[c] * rstd[g]; });
  spread(shift, shape, sizes, [=](Index c, Index) { return beta[c]; });
  const auto run = [&](const auto& f) { normalize(x, center, scale, shift, shape, f); };
  if (!sizes.silu) {
    run([=](Index i, Real z) { y[i] = z; });
  } else if (slope == nullptr) {
    run([=](Index i, Real z) { y[i] = Silu{}(z); });
  } else {
    run([=](Index i, Real z) {  // (ACT.3), (ACT.4)
      const Real s = Sigmoid{}(z), silu = z * s;
      y[i] = silu;
      slope[i] = s + silu * (1 - s);
    });
  }
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
    const JoinedInput image_x = x.from_image(i, sizes);
    Real *image_mean = mean + i * sizes.groups, *image_rstd = rstd + i * sizes.groups;
    for_each_part(shape, [&](const Part& part) {
      column_moments(column_mean + part.first, column_m2 + part.first, part.in(image_x), part.width,
                     shape);
    });
    group_moments(image_mean, image_rstd, column_mean, column_m2, shape, sizes);
    apply_to_image(y + i * image, nullptr, image_x, image_mean, image_rstd, gamma, beta, shape,
                   sizes);
  });
}

void group_norm_apply(Real* y, Real* slope, const JoinedInput& x, const Real* mean,
                      const Real* rstd, const Real* gamma, const Real* beta,
                      const GroupNormSizes& sizes) {
  const Index image = sizes.pixels * sizes.channels;
  if (image == 0) return;
  const Rows shape(sizes, x.skip_channels);
  parallel_blocks(sizes.n, 1, [&](Index i, Index) {
    apply_to_image(y + i * image, shifted(slope, i * image), x.from_image(i, sizes),
                   mean + i * sizes.groups, rstd + i * sizes.groups, gamma, beta, shape, sizes);
  });
}

void group_norm_forward(Real* y, Real* mean, Real* rstd, const Real* x, const Real* gamma,
                        const Real* beta, const GroupNormSizes& sizes) {
  group_norm_forward(y, mean, rstd, JoinedInput{x}, gamma, beta, sizes);
}

}  // namespace ink::cpu
