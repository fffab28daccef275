// Every rung of the ladder of chapter 11 computes the same convolution.
#include <doctest/doctest.h>

#include "bench/ladder/gpu/conv2d.h"
#include "tests/support/cuda_products.h"

namespace ink::test {
namespace {

bool ties_to_even(const ladder::GpuRung& rung) {
  const OnDevice x(std::vector<Real>{kTie}), weight({0, 0, 0, 0, 1, 0, 0, 0, 0});
  OnDevice y(1);
  rung.convolve(y.data(), x.data(), weight.data(), {1, 1, 1, 1, 1, 3, 3, 1, 1});
  return went_to_even(y.to_vector().front());
}

void check_rungs(const Conv2dSizes& s) {
  const Index terms = 9 * s.c_in;
  const std::vector<Real> x = numbers(s.n * s.h * s.w * s.c_in, 1);
  const std::vector<Real> weight = numbers(s.c_out * terms, 2);
  const OnDevice x_device(x), weight_device(weight);
  for (const ladder::GpuRung& rung : ladder::gpu_conv2d_rungs()) {
    CAPTURE(rung.name);
    const Precision precision = rung.tf32 ? Precision::tf32 : Precision::exact;
    std::vector<Real> expected(static_cast<std::size_t>(s.n * s.h * s.w * s.c_out));
    const bool to_even = rung.tf32 && ties_to_even(rung);
    cpu::conv2d_forward(expected.data(), rounded(x, precision, to_even).data(),
                        rounded(weight, precision, to_even).data(), {}, s);
    double largest = 0;
    for (const Real value : expected) largest = std::max(largest, std::fabs(double(value)));
    // Tensor cores sum in float, whatever Real is.
    const double tolerance =
        8 * std::sqrt(double(terms)) *
        (rung.tf32 ? std::ldexp(1, -23) : std::numeric_limits<Real>::epsilon());
    for_each_schedule([&] {
      OnDevice y(static_cast<Index>(expected.size()));
      rung.convolve(y.data(), x_device.data(), weight_device.data(), s);
      const std::vector<Real> got = y.to_vector();
      double worst = 0;
      for (std::size_t i = 0; i < got.size(); ++i) {
        const double error = std::fabs(double(got[i]) - double(expected[i])) / largest;
        if (!(error <= worst)) worst = error;
      }
      CHECK(worst <= tolerance);
    });
  }
}

}  // namespace

TEST_CASE("gpu ladder: all rungs are the convolution") {
  check_rungs({2, 6, 5, 8, 12, 3, 3, 1, 1});
  check_rungs({1, 9, 8, 3, 70, 3, 3, 1, 1});
  check_rungs({1, 1, 1, 1, 1, 3, 3, 1, 1});
}

}  // namespace ink::test
