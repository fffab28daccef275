// Chapter 10b of the derivations: Winograd's convolution after an upsampling.
#include "tests/support/winograd.h"

namespace ink::test {
namespace {

// The taps that a phase sees of a line's three.
Matrix folded(const Taps& taps, const Matrix& g) {
  Matrix result(3, 1);
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j)
      if (taps.has(i, j))
        result(static_cast<std::size_t>(i), 0) += g(static_cast<std::size_t>(j), 0);
  return result;
}

// The taps that results in even and in odd places see.
constexpr Taps kEven = kUpsampled[0].rows, kOdd = kUpsampled[3].rows;

}  // namespace

TEST_CASE("(WINO.12) the results of a doubled line are those of two filters of the line") {
  const Matrix g = normal(3, 1, 1), u = normal(6, 1, 2);
  Matrix doubled(12, 1);
  for (std::size_t i = 0; i < 12; ++i) doubled(i, 0) = u(i / 2, 0);
  const Matrix y = correlated(g, doubled), even = correlated(folded(kEven, g), u),
               odd = correlated(folded(kOdd, g), u);
  for (std::size_t t = 1; t < 5; ++t) {  // y(k) has its middle tap at 1 + k
    check_near(even(t - 1, 0), y(2 * t - 1, 0), 1e-12, "even");
    check_near(odd(t - 1, 0), y(2 * t, 0), 1e-12, "odd");
  }
}

TEST_CASE("(WINO.13) the even filter is zero at infinity, the odd one at 0") {
  const Matrix g = normal(3, 1, 1), values = library().filter;
  CHECK((values * folded(kEven, g))(kInfinity, 0) == 0);
  CHECK((values * folded(kOdd, g))(0, 0) == 0);
  for (const Phases& phases : {kUpsampled, kUpsampledGradient})
    for (Index phase = 0; phase < 4; ++phase) {
      Index products = 0;
      for (Index point = 0; point < kPoints; ++point) products += phases[phase].reaches(point);
      CHECK(products == 25);
    }

  for (const std::array<Index, 2>& size : kSizes) {
    CAPTURE(size[0]);
    CAPTURE(size[1]);
    const Example e(size);
    const Tensor dy = Random(4).normal({3, 2 * size[0], 2 * size[1], 32});
    const auto run = [&](auto op) {
      const Variable x(e.x, true), w(e.w, true);
      const Variable y = op(x, w, Variable());
      y.backward(dy);
      return std::array{y.value(), x.gradient(), w.gradient()};
    };
    const auto got = run(upsample_conv2d), expected = run(composed::upsample_conv2d);
    check_close(got[0], expected[0], 8 * rounding(9 * 16));
    check_close(got[1], expected[1], 8 * rounding(4 * 9 * 32));
    check_close(got[2], expected[2], 8 * rounding(static_cast<double>(dy.count() / 32)));
  }
}

TEST_CASE("(WINO.13) mistake: the same point left out in the gradient") {
  // The gradient's filters have their taps in reverse.
  const Matrix g = normal(3, 1, 1), values = library().filter;
  for (const Taps& taps : {kEven, kOdd}) {
    Matrix reversed = folded(taps, g);
    std::swap(reversed(0, 0), reversed(2, 0));
    const Matrix at = values * reversed;
    CHECK(std::fabs(at(taps.reach(0) ? kInfinity : 0, 0)) > 0.05 * largest(at));
    CHECK(at(taps.reach(0) ? 0 : kInfinity, 0) == 0);
  }
}

}  // namespace ink::test
