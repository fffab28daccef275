// Softmax on CUDA against the CPU: rows of a warp and rows of a block.
#include "tensor/kernels/softmax.h"
#include "tests/support/cuda_arrays.h"

namespace ink::test {
namespace {

constexpr double kEpsilon = std::numeric_limits<Real>::epsilon();
constexpr Real kInfinity = std::numeric_limits<Real>::infinity();

std::vector<Numbers> softmax_on_device(const Numbers& x, const Numbers& dy, const SoftmaxSizes& s,
                                       Index shift) {
  const Shifted in(x, shift), upstream(dy, shift);
  const Index count = s.rows * s.columns;
  return same_under_every_schedule([&] {
    Shifted y(count, shift), dx(count, shift);
    cuda::softmax_forward(y.data(), in.data(), s);
    cuda::softmax_backward(dx.data(), upstream.data(), y.data(), s);
    return std::vector<Numbers>{y.to_vector(), dx.to_vector()};
  });
}

}  // namespace

TEST_CASE("cuda: softmax equals the CPU (ACT.5) (ACT.6)") {
  for (const SoftmaxSizes& s : std::vector<SoftmaxSizes>{
           {1, 1}, {5, 1}, {1, 31}, {33, 32}, {6, 33}, {9, 301}, {3, 1024}, {2, 1025}, {3, 3001}}) {
    for (const double deviation : {1.0, 30.0}) {
      INFO(s.rows, " rows of ", s.columns, ", deviation ", deviation);
      const Index count = s.rows * s.columns;
      const Numbers x = normal_numbers(count, 1, 0, deviation), dy = normal_numbers(count, 2);
      Numbers y(x.size()), dx(x.size());
      cpu::softmax_forward(y.data(), x.data(), s);
      cpu::softmax_backward(dx.data(), dy.data(), y.data(), s);
      // exp turns the rounding of its argument, up to 8 deviations large, into a relative error.
      const double columns = static_cast<double>(s.columns + 1);
      const double tolerance = 8 * kEpsilon * std::sqrt(columns) * std::max(1.0, 8 * deviation);
      const auto got = softmax_on_device(x, dy, s, s.rows % 2);
      check_numbers("y", got[0], y, tolerance);
      check_numbers("dx", got[1], dx, tolerance);
    }
  }
}

TEST_CASE("cuda: softmax of rows that have no answer") {
  const Index columns = 40;
  for (const Real bad : {kInfinity, std::numeric_limits<Real>::quiet_NaN()}) {
    Numbers x = normal_numbers(2 * columns, 3);
    x[7] = bad;
    OnDevice y(2 * columns);
    cuda::softmax_forward(y.data(), OnDevice(x).data(), {2, columns});
    const Numbers got = y.to_vector();
    for (std::size_t c = 0; c < columns; ++c) {
      CHECK(std::isnan(got[c]));
      CHECK(std::isfinite(got[columns + c]));
    }
  }
  OnDevice nothing(0);
  cuda::softmax_forward(nothing.data(), nothing.data(), {0, 5});
  cuda::softmax_forward(nothing.data(), nothing.data(), {5, 0});
}

}  // namespace ink::test
