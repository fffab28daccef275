// The CUDA pair of GroupNorm and convolution against the CPU's.
#include <doctest/doctest.h>

#include "tensor/kernels/norm_conv2d.h"
#include "tests/support/cuda_products.h"

namespace ink::test {
namespace {

using Values = std::vector<Real>;

std::size_t count_of(Index n) { return static_cast<std::size_t>(n); }

struct Results {
  Values y, mean, rstd, dx, dgamma, dbeta, dweight, dbias, dimage_bias;
};

// The inputs and results of one case on the CPU, and on the device.
class Pair {
 public:
  Pair(const Conv2dSizes& conv, Index groups, bool silu)
      : s_{{conv.n, conv.h * conv.w, conv.c_in, groups, Real(1e-5), silu}, conv},
        x_(numbers(conv.n * conv.h * conv.w * conv.c_in, 1)),
        gamma_(numbers(conv.c_in, 2)),
        beta_(numbers(conv.c_in, 3)),
        weight_(numbers(conv.c_out * conv.kernel_h * conv.kernel_w * conv.c_in, 4)),
        bias_(numbers(conv.c_out, 5)),
        image_bias_(numbers(conv.n * conv.c_out, 7)),
        dy_(numbers(conv.n * conv.out_h() * conv.out_w() * conv.c_out, 6)) {}

  Results cpu() const {
    Results r{dy_, stats(), stats(), x_, gamma_, beta_, weight_, bias_, image_bias_};
    const NormConv2dInputs in{x_.data(), gamma_.data(), beta_.data(), weight_.data()};
    cpu::norm_conv2d_forward(r.y.data(), r.mean.data(), r.rstd.data(), in,
                             {bias_.data(), image_bias_.data(), dy_.data()}, s_);
    cpu::norm_conv2d_backward({r.dx.data(), r.dgamma.data(), r.dbeta.data(), r.dweight.data(),
                               r.dbias.data(), r.dimage_bias.data()},
                              dy_.data(), in, r.mean.data(), r.rstd.data(), s_);
    return r;
  }

  Results device() const {
    const OnDevice x(x_), gamma(gamma_), beta(beta_), weight(weight_), bias(bias_),
        image_bias(image_bias_), dy(dy_);
    const auto like = [](const Values& v) { return static_cast<Index>(v.size()); };
    OnDevice y(like(dy_)), mean(like(stats())), rstd(like(stats())), dx(like(x_)),
        dgamma(like(gamma_)), dbeta(like(beta_)), dweight(like(weight_)), dbias(like(bias_)),
        dimage_bias(like(image_bias_));
    const NormConv2dInputs in{x.data(), gamma.data(), beta.data(), weight.data()};
    cuda::norm_conv2d_forward(y.data(), mean.data(), rstd.data(), in,
                              {bias.data(), image_bias.data(), dy.data()}, s_);
    cuda::norm_conv2d_backward(
        {dx.data(), dgamma.data(), dbeta.data(), dweight.data(), dbias.data(), dimage_bias.data()},
        dy.data(), in, mean.data(), rstd.data(), s_);
    return {y.to_vector(),       mean.to_vector(),   rstd.to_vector(),
            dx.to_vector(),      dgamma.to_vector(), dbeta.to_vector(),
            dweight.to_vector(), dbias.to_vector(),  dimage_bias.to_vector()};
  }

 private:
  Values stats() const { return Values(count_of(s_.norm.n * s_.norm.groups)); }

  NormConv2dSizes s_;
  Values x_, gamma_, beta_, weight_, bias_, image_bias_, dy_;
};

// The largest difference, relative to the largest number and at least 1; NaN if there is one.
double difference(const Values& got, const Values& expected) {
  REQUIRE(got.size() == expected.size());
  double worst = 0, largest = 1;
  for (std::size_t i = 0; i < got.size(); ++i) {
    largest = std::max(largest, std::fabs(double(expected[i])));
    const double error = std::fabs(double(got[i]) - double(expected[i]));
    if (!(error <= worst)) worst = error;
  }
  return worst / largest;
}

void check(const Conv2dSizes& conv, Index groups, bool silu) {
  CAPTURE(conv.c_in);
  CAPTURE(conv.c_out);
  CAPTURE(groups);
  const Pair pair(conv, groups, silu);
  const Results expected = pair.cpu();
  const Index pixels = conv.n * conv.out_h() * conv.out_w();
  const Index taps = conv.kernel_h * conv.kernel_w * std::max(conv.c_in, conv.c_out);
  const UsePrecision use(Precision::exact);
  for_each_schedule([&] {
    const Results got = pair.device();
    // Behind the convolutions' sums stands a norm, another sum over its group.
    const double tolerance = 4 * sum_tolerance(std::max(pixels, taps));
    CHECK(difference(got.y, expected.y) <= tolerance);
    CHECK(difference(got.mean, expected.mean) <= tolerance);
    CHECK(difference(got.rstd, expected.rstd) <= tolerance);
    CHECK(difference(got.dx, expected.dx) <= tolerance);
    CHECK(difference(got.dgamma, expected.dgamma) <= tolerance);
    CHECK(difference(got.dbeta, expected.dbeta) <= tolerance);
    CHECK(difference(got.dweight, expected.dweight) <= tolerance);
    CHECK(difference(got.dbias, expected.dbias) <= tolerance);
    CHECK(difference(got.dimage_bias, expected.dimage_bias) <= tolerance);
  });
}

}  // namespace

TEST_CASE("cuda norm_conv2d: forward and backward") {
  check({2, 5, 4, 8, 4, 3, 3, 1, 1}, 2, true);
  check({1, 4, 4, 6, 3, 3, 3, 1, 1}, 3, false);
  check({2, 6, 6, 16, 16, 3, 3, 1, 1}, 4, true);
  check({3, 3, 5, 4, 8, 1, 1, 1, 0}, 1, true);
}

}  // namespace ink::test
