// The CUDA convolutions against the CPU's direct ones, which round as a sum does, and Winograd's
// algorithm more: forward and both gradients.
#include <doctest/doctest.h>

#include "tensor/cpu/conv2d_direct.h"
#include "tensor/cpu/conv2d_weight.h"
#include "tensor/kernels/conv2d.h"
#include "tests/support/cuda_products.h"

namespace ink::test {
namespace {

using Values = std::vector<Real>;

struct Terms {
  bool bias = false, image_bias = false, residual = false;
};

Index pixels_of(const Conv2dSizes& s) { return s.n * s.out_h() * s.out_w(); }
Index taps_of(const Conv2dSizes& s) { return s.kernel_h * s.kernel_w * s.c_in; }

// Numbers of the shape of each array.
Values x_of(const Conv2dSizes& s) { return numbers(s.n * s.h * s.w * s.c_in, 1); }
Values weight_of(const Conv2dSizes& s) { return numbers(s.c_out * taps_of(s), 2); }
Values dy_of(const Conv2dSizes& s) { return numbers(pixels_of(s) * s.c_out, 3); }

Values forward(const Conv2dSizes& s, const Terms& terms) {
  const OnDevice x(x_of(s)), weight(weight_of(s)), bias(numbers(s.c_out, 4)),
      image_bias(numbers(s.n * s.c_out, 5)), residual(numbers(pixels_of(s) * s.c_out, 6));
  OnDevice y(pixels_of(s) * s.c_out);
  cuda::conv2d_forward(
      y.data(), x.data(), weight.data(),
      {terms.bias ? bias.data() : nullptr, terms.image_bias ? image_bias.data() : nullptr,
       terms.residual ? residual.data() : nullptr},
      s);
  return y.to_vector();
}

void check_forward(const Conv2dSizes& s, const Terms& terms) {
  INFO("forward");
  check_products(
      taps_of(s) + 3, [&] { return forward(s, terms); },
      [&](const auto& round) {
        const Values x = round(x_of(s)), weight = round(weight_of(s)), bias = numbers(s.c_out, 4),
                     image_bias = numbers(s.n * s.c_out, 5),
                     residual = numbers(pixels_of(s) * s.c_out, 6);
        Values y(residual.size());
        cpu::convolve_direct(
            y.data(), x.data(),
            {terms.bias ? bias.data() : nullptr, terms.image_bias ? image_bias.data() : nullptr,
             terms.residual ? residual.data() : nullptr},
            cpu::forward_map(weight.data(), s));
        return y;
      });
}

void check_backward_data(const Conv2dSizes& s) {
  INFO("backward data");
  const Index count = s.n * s.h * s.w * s.c_in;
  check_products(
      s.kernel_h * s.kernel_w * s.c_out,
      [&] {
        const OnDevice dy(dy_of(s)), weight(weight_of(s));
        OnDevice dx(count);
        cuda::conv2d_backward_data(dx.data(), dy.data(), weight.data(), s);
        return dx.to_vector();
      },
      [&](const auto& round) {
        const Values dy = round(dy_of(s)), weight = round(weight_of(s));
        Values dx(static_cast<std::size_t>(count));
        if (s.stride == 1)
          cpu::convolve_direct(dx.data(), dy.data(), {}, cpu::backward_map(weight.data(), s, 0, 0));
        else
          cpu::conv2d_backward_data(dx.data(), dy.data(), weight.data(), s);
        return dx;
      });
}

void check_backward_weight(const Conv2dSizes& s) {
  INFO("backward weight");
  const Index count = s.c_out * taps_of(s);
  check_products(
      pixels_of(s),
      [&] {
        const OnDevice x(x_of(s)), dy(dy_of(s));
        OnDevice dweight(count), dbias(s.c_out);
        cuda::conv2d_backward_weight(dweight.data(), dbias.data(), x.data(), dy.data(), s);
        // dbias is a sum of dy itself, not of rounded numbers.
        Values expected(static_cast<std::size_t>(s.c_out));
        const Values values = dy_of(s);
        for (std::size_t i = 0; i < values.size(); ++i) expected[i % expected.size()] += values[i];
        check_near_all(dbias.to_vector(), expected, 4 * std::sqrt(double(pixels_of(s))) * 4);
        return dweight.to_vector();
      },
      [&](const auto& round) {
        const Values x = round(x_of(s)), dy = round(dy_of(s));
        Values dweight(static_cast<std::size_t>(count));
        cpu::conv2d_direct_weight(dweight.data(), nullptr, x.data(), dy.data(), s);
        return dweight;
      });
}

void check(const Conv2dSizes& s, const Terms& terms = {}) {
  CAPTURE(s.n);
  CAPTURE(s.h);
  CAPTURE(s.w);
  CAPTURE(s.c_in);
  CAPTURE(s.c_out);
  CAPTURE(s.kernel_h);
  CAPTURE(s.kernel_w);
  CAPTURE(s.stride);
  CAPTURE(s.padding);
  check_forward(s, terms);
  check_backward_data(s);
  check_backward_weight(s);
}

}  // namespace

// n, h, w, c_in, c_out, kernel_h, kernel_w, stride, padding.
TEST_CASE("(CONV.1) (CONV.2) (CONV.3) cuda conv2d: vectors of channels") {
  check({2, 5, 4, 4, 8, 3, 3, 1, 1}, {true, true, true});
  check({1, 7, 6, 16, 4, 3, 3, 1, 1}, {true, false, true});
  check({1, 4, 5, 20, 36, 3, 3, 1, 1}, {false, true, false});
  check({3, 3, 3, 32, 32, 3, 3, 1, 1});
  check({1, 5, 6, 8, 12, 1, 1, 1, 0}, {true, true, true});
  check({1, 5, 6, 8, 12, 1, 1, 1, 0}, {true, false, true});
}

TEST_CASE("cuda conv2d: odd channels") {
  check({2, 5, 4, 3, 5, 3, 3, 1, 1}, {true, true, true});
  check({2, 6, 5, 1, 32, 3, 3, 1, 1}, {true, false, false});
  check({2, 6, 5, 32, 1, 3, 3, 1, 1}, {true, false, false});
  check({1, 3, 3, 17, 33, 3, 3, 1, 1}, {false, true, false});
  check({1, 1, 1, 1, 1, 1, 1, 1, 0}, {true, true, true});
  check({1, 4, 4, 4, 3, 3, 3, 1, 1});
}

TEST_CASE("cuda conv2d: strides, paddings and kernels of any size") {
  check({2, 6, 8, 8, 4, 3, 3, 2, 1}, {true, true, true});
  check({1, 7, 5, 4, 8, 3, 3, 2, 1});
  check({1, 6, 5, 3, 2, 3, 3, 2, 0}, {true, false, false});
  check({1, 5, 6, 4, 4, 3, 3, 2, 2}, {false, true, true});
  check({1, 6, 7, 8, 4, 1, 1, 2, 0});
  check({1, 9, 8, 2, 3, 3, 3, 3, 1});
  check({1, 6, 5, 4, 4, 2, 2, 1, 0});
  check({1, 7, 8, 4, 4, 5, 3, 1, 2}, {true, false, false});
  check({1, 3, 4, 5, 3, 1, 1, 1, 1}, {true, false, true});
  check({1, 2, 33, 4, 4, 3, 3, 1, 1});
  check({33, 2, 2, 4, 4, 3, 3, 1, 1}, {false, true, false});
}

TEST_CASE("(GPU.8) cuda conv2d: the weight's sum over many pixels is cut into chunks") {
  check_backward_weight({2, 24, 23, 4, 4, 3, 3, 1, 1});
  check_backward_weight({2, 24, 23, 1, 3, 3, 3, 1, 1});
}

TEST_CASE("(GPU.3) cuda conv2d: every tile gives the same bits") {
  const Conv2dSizes s{1, 12, 12, 16, 132, 3, 3, 1, 1};
  const OnDevice x(x_of(s)), weight(weight_of(s)), dy(dy_of(s));
  for (const Precision precision : kPrecisions) {
    const UsePrecision use(precision);
    std::vector<Values> first;
    for (const TileSize size : kTileSizes) {
      const cuda::ForceTile force(size);
      OnDevice y(pixels_of(s) * s.c_out), dx(s.n * s.h * s.w * s.c_in),
          dweight(s.c_out * taps_of(s));
      cuda::conv2d_forward(y.data(), x.data(), weight.data(), {}, s);
      cuda::conv2d_backward_data(dx.data(), dy.data(), weight.data(), s);
      cuda::conv2d_backward_weight(dweight.data(), nullptr, x.data(), dy.data(), s);
      const std::vector<Values> got{y.to_vector(), dx.to_vector(), dweight.to_vector()};
      if (first.empty()) first = got;
      CHECK(got == first);
    }
  }
}

TEST_CASE("cuda conv2d: an empty batch") {
  const Conv2dSizes s{0, 4, 4, 4, 4, 3, 3, 1, 1};
  cuda::conv2d_forward(nullptr, nullptr, nullptr, {}, s);
  cuda::conv2d_backward_data(nullptr, nullptr, nullptr, s);
  OnDevice dweight(s.c_out * taps_of(s)), dbias(s.c_out);
  cuda::conv2d_backward_weight(dweight.data(), dbias.data(), nullptr, nullptr, s);
  CHECK(dweight.to_vector() == Values(static_cast<std::size_t>(s.c_out * taps_of(s))));
  CHECK(dbias.to_vector() == Values(4));
}

}  // namespace ink::test
