// GroupNorm on CUDA against the CPU: slabs that fit in registers and slabs that do not, vectors and
// single channels, groups wider than a row of threads.
#include <fmt/format.h>

#include "cuda/group_norm.h"
#include "tensor/kernels/group_norm.h"
#include "tests/support/cuda_arrays.h"

namespace ink::test {
namespace {

struct Case {
  Index n, pixels, channels, groups;
  double mean = 0;
  Index shift = 0;  // of all arrays against an aligned address, in elements

  Index images() const { return n * pixels * channels; }
  double values() const { return static_cast<double>(pixels * (channels / groups)); }
  std::string name() const {
    return fmt::format("({}, {}, {}), {} groups, mean {}, shifted by {}", n, pixels, channels,
                       groups, mean, shift);
  }
};

const std::vector<Case> kCases = {
    {1, 1, 1, 1},
    {2, 9, 6, 1},
    {2, 9, 6, 6},
    {2, 9, 6, 3},
    {3, 1, 8, 2},
    {1, 31, 17, 17},
    {2, 32, 33, 11},
    {1, 33, 31, 1},
    {2, 15, 32, 8},
    {1, 9, 40, 5},
    {2, 49, 12, 3, 1000},
    {2, 25, 4, 4, -1000},
    {3, 784, 32, 32},           // a slab of several groups
    {2, 784, 32, 32, 1000, 1},  // the same, a channel at a time
    {1, 784, 32, 32, 0, 3},
    {2, 196, 64, 32},
    {2, 49, 128, 32},
    {1, 256, 24, 4},
    {1, 64, 40, 4},    // the last slab is narrower
    {1, 4096, 16, 8},  // too large for registers
    {1, 1500, 33, 3, 1000},
    {2, 3, 600, 1},  // wider than a row of threads
    {1, 5, 1500, 2, 1000, 1},
};

GroupNormSizes sizes_of(const Case& c, bool silu) {
  return {c.n, c.pixels, c.channels, c.groups, Real(1e-5), silu};
}

// 4 eps sqrt(K) for sums of K values, on both devices. x - mean carries the mean's rounding.
double tolerance(const Case& c, double terms) {
  double conditioning = std::max(1.0, std::fabs(c.mean));
  if (c.values() == 1) conditioning /= std::sqrt(1e-5);
  return 8 * std::numeric_limits<Real>::epsilon() * std::sqrt(terms) * conditioning;
}

struct Inputs {
  Numbers x, dy, gamma, beta;
  explicit Inputs(const Case& c)
      : x(normal_numbers(c.images(), 1, c.mean)),
        dy(normal_numbers(c.images(), 2)),
        gamma(normal_numbers(c.channels, 3, 1, 0.5)),
        beta(normal_numbers(c.channels, 4, 0, 0.5)) {}
};

Numbers numbers(Index count) { return Numbers(static_cast<std::size_t>(count)); }

void check_case(const Case& c, bool silu) {
  INFO(c.name(), silu ? ", SiLU" : "");
  const GroupNormSizes s = sizes_of(c, silu);
  const Inputs in(c);
  const Index statistics = c.n * c.groups;
  Numbers y = numbers(c.images()), mean = numbers(statistics), rstd = numbers(statistics),
          dx = numbers(c.images()), sum = in.x, dgamma = numbers(c.channels),
          dbeta = numbers(c.channels);
  cpu::group_norm_forward(y.data(), mean.data(), rstd.data(), in.x.data(), in.gamma.data(),
                          in.beta.data(), s);
  cpu::group_norm_backward(dx.data(), dgamma.data(), dbeta.data(), in.dy.data(), in.x.data(),
                           mean.data(), rstd.data(), in.gamma.data(), in.beta.data(), s);
  // The same added to what is there.
  cpu::group_norm_backward(sum.data(), dgamma.data(), dbeta.data(), in.dy.data(), in.x.data(),
                           mean.data(), rstd.data(), in.gamma.data(), in.beta.data(), s,
                           sum.data());
  for (std::size_t i = 0; i < sum.size(); ++i) CHECK(sum[i] == in.x[i] + dx[i]);

  const Shifted x(in.x, c.shift), dy(in.dy, c.shift), gamma(in.gamma, c.shift),
      beta(in.beta, c.shift), cpu_mean(mean, 0), cpu_rstd(rstd, 0);
  const auto got = same_under_every_schedule([&] {
    Shifted to_y(c.images(), c.shift), to_mean(statistics, c.shift), to_rstd(statistics, c.shift),
        to_dx(c.images(), c.shift), to_dgamma(c.channels, c.shift), to_dbeta(c.channels, c.shift),
        again(c.images(), c.shift), to_sum(in.x, c.shift);
    cuda::group_norm_forward(to_y.data(), to_mean.data(), to_rstd.data(), x.data(), gamma.data(),
                             beta.data(), s);
    cuda::group_norm_apply(again.data(), x.data(), to_mean.data(), to_rstd.data(), gamma.data(),
                           beta.data(), s);
    CHECK(same_bits(again.to_vector(), to_y.to_vector()));
    cuda::group_norm_backward(to_dx.data(), to_dgamma.data(), to_dbeta.data(), dy.data(), x.data(),
                              cpu_mean.data(), cpu_rstd.data(), gamma.data(), beta.data(), s);
    cuda::group_norm_backward(to_sum.data(), to_dgamma.data(), to_dbeta.data(), dy.data(), x.data(),
                              cpu_mean.data(), cpu_rstd.data(), gamma.data(), beta.data(), s,
                              to_sum.data());
    return std::vector<Numbers>{to_y.to_vector(),  to_mean.to_vector(),   to_rstd.to_vector(),
                                to_dx.to_vector(), to_dgamma.to_vector(), to_dbeta.to_vector(),
                                to_sum.to_vector()};
  });
  const double sums = static_cast<double>(c.n * c.pixels);
  check_numbers("y", got[0], y, tolerance(c, c.values()));
  check_numbers("mean", got[1], mean, tolerance(c, c.values()));
  check_numbers("rstd", got[2], rstd, tolerance(c, c.values()));
  check_numbers("dx", got[3], dx, tolerance(c, c.values()));
  check_numbers("dgamma", got[4], dgamma, tolerance(c, sums));
  check_numbers("dbeta", got[5], dbeta, tolerance(c, sums));
  check_numbers("x + dx", got[6], sum, tolerance(c, c.values()));
}

}  // namespace

TEST_CASE("cuda: group_norm equals the CPU (GN.1) (GN.2) (GN.3) (GN.4) (GN.5) (GN.6) (GN.8)") {
  for (const Case& c : kCases) {
    check_case(c, false);
    check_case(c, true);
  }
}

TEST_CASE("cuda: group_norm of nothing") {
  const OnDevice gamma(normal_numbers(4, 1)), none(0);
  OnDevice dgamma(4), dbeta(4), nothing(0);
  for (const GroupNormSizes& s : {GroupNormSizes{0, 5, 4, 2, Real(1e-5), true},
                                  GroupNormSizes{3, 0, 4, 2, Real(1e-5), false}}) {
    cuda::group_norm_forward(nothing.data(), nothing.data(), nothing.data(), none.data(),
                             gamma.data(), gamma.data(), s);
    cuda::group_norm_backward(nothing.data(), dgamma.data(), dbeta.data(), none.data(), none.data(),
                              none.data(), none.data(), gamma.data(), gamma.data(), s);
    CHECK(dgamma.to_vector() == Numbers(4));
    CHECK(dbeta.to_vector() == Numbers(4));
  }
}

}  // namespace ink::test
