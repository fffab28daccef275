// Chapter 5 of the derivations: convolution as a sum over taps, its gradients, upsampling.
#include "tests/support/derivations.h"

namespace ink::test {
namespace {

// A convolution with its upstream gradient, and what came back.
struct Convolution {
  Tensor x, w, y, dy, dx, dw;
  Conv2dOptions options;

  Convolution(const Shape& x_shape, const Shape& w_shape, const Conv2dOptions& o) : options(o) {
    Random random(1);
    x = random.normal(x_shape);
    w = random.normal(w_shape);
    const Variable image(x, true), weight(w, true);
    const Variable result = conv2d(image, weight, options);
    y = result.value();
    dy = random.normal(y.shape());
    result.backward(dy);
    dx = image.gradient();
    dw = weight.gradient();
  }

  double products() const {
    const Index count = w.count() / w.size(0);
    return static_cast<double>(count);
  }
};

// Calls f(n, i, j, u, v, row, column) for every pixel of y and every tap that finds a pixel of x.
template <class F>
void for_each_tap(const Convolution& c, const F& f) {
  const auto [stride, padding] = c.options;
  for (Index n = 0; n < c.y.size(0); ++n)
    for (Index i = 0; i < c.y.size(1); ++i)
      for (Index j = 0; j < c.y.size(2); ++j)
        for (Index u = 0; u < c.w.size(1); ++u)
          for (Index v = 0; v < c.w.size(2); ++v) {
            const Index row = i * stride + u - padding, column = j * stride + v - padding;
            const bool inside =
                row >= 0 && row < c.x.size(1) && column >= 0 && column < c.x.size(2);
            if (inside) f(n, i, j, u, v, row, column);
          }
}

// The vector x[a, b, c, :] as a row (1, size), and the matrix w[:, u, v, :].
Tensor pixel(const Tensor& x, Index a, Index b, Index c) {
  return x.slice(0, a, a + 1).slice(1, b, b + 1).slice(2, c, c + 1).reshape({1, x.size(3)});
}
Tensor tap(const Tensor& w, Index u, Index v) {
  return w.slice(1, u, u + 1).slice(2, v, v + 1).reshape({w.size(0), w.size(3)});
}

// Adds to the vector x[a, b, c, :].
void add_to_pixel(const Tensor& x, Index a, Index b, Index c, const Tensor& term) {
  Tensor view = x.slice(0, a, a + 1).slice(1, b, b + 1).slice(2, c, c + 1);
  view.copy_(view + term.reshape(view.shape()));
}

// w'[c, u, v, o] = w[o, k - 1 - u, k - 1 - v, c], or without the flip.
Tensor swapped(const Tensor& w, bool flip) {
  Tensor result({w.size(3), w.size(1), w.size(2), w.size(0)});
  for (Index u = 0; u < w.size(1); ++u) {
    for (Index v = 0; v < w.size(2); ++v) {
      const Index from_u = flip ? w.size(1) - 1 - u : u, from_v = flip ? w.size(2) - 1 - v : v;
      Tensor to = result.slice(1, u, u + 1).slice(2, v, v + 1);
      to.copy_(tap(w, from_u, from_v).transpose(0, 1).reshape(to.shape()));
    }
  }
  return result;
}

Tensor convolved(const Tensor& x, const Tensor& w, Index padding) {
  return conv2d(x, w, {.stride = 1, .padding = padding}).value();
}

// Kernels, strides and paddings that differ along no axis but cover the cases of the chapter.
std::vector<Convolution> convolutions() {
  return {{{2, 5, 4, 3}, {2, 3, 3, 3}, {.stride = 1, .padding = 1}},
          {{1, 5, 6, 2}, {3, 3, 3, 2}, {.stride = 1, .padding = 0}},
          {{2, 6, 7, 2}, {3, 3, 3, 2}, {.stride = 2, .padding = 1}},
          {{1, 7, 8, 2}, {2, 5, 5, 2}, {.stride = 3, .padding = 2}}};
}

}  // namespace

TEST_SUITE_BEGIN("derivations");

TEST_CASE("(CONV.1) (CONV.2) (CONV.3) a convolution and its gradients, tap by tap") {
  for (const Convolution& c : convolutions()) {
    CAPTURE(c.x.shape().to_string());
    Tensor y = Tensor::zeros(c.y.shape()), dx = Tensor::zeros(c.x.shape()),
           dw = Tensor::zeros(c.w.shape());
    for_each_tap(c, [&](Index n, Index i, Index j, Index u, Index v, Index row, Index column) {
      const Tensor x_row = pixel(c.x, n, row, column), dy_row = pixel(c.dy, n, i, j);
      add_to_pixel(y, n, i, j, matmul(x_row, tap(c.w, u, v), false, true));
      add_to_pixel(dx, n, row, column, matmul(dy_row, tap(c.w, u, v)));
      Tensor dw_tap = dw.slice(1, u, u + 1).slice(2, v, v + 1);
      dw_tap.copy_(dw_tap + matmul(dy_row, x_row, true, false).reshape(dw_tap.shape()));
    });
    const Index pixel_count = c.y.count() / c.y.size(3);
    const auto pixels = static_cast<double>(pixel_count);
    check_close(c.y, y, rounding(c.products()), "y");
    check_close(c.dx, dx, rounding(c.products()), "dx");
    check_close(c.dw, dw, rounding(pixels), "dw");
    const Variable sum_of_taps = composed::conv2d(c.x, c.w, c.options);
    check_close(sum_of_taps.value(), c.y, rounding(c.products()), "composed");
  }
}

TEST_CASE("(CONV.2) (CONV.3) the gradients are the adjoints in weight and image") {
  for (const Convolution& c : convolutions()) {
    const double terms = static_cast<double>(c.w.count() + c.y.count());
    check_adjoint([&](const Variable& x) { return conv2d(x, c.w, c.options); }, c.x.shape(), terms);
    check_adjoint([&](const Variable& w) { return conv2d(c.x, w, c.options); }, c.w.shape(), terms);
  }
}

TEST_CASE("(CONV.4) at stride 1 dx is the convolution of dy with the flipped kernel") {
  for (const Index k : {3, 5}) {
    for (const Index p : {Index{0}, Index{1}, k - 1}) {
      const Convolution c({1, 6, 7, 2}, {3, k, k, 2}, {.stride = 1, .padding = p});
      const Tensor dx = convolved(c.dy, swapped(c.w, true), k - 1 - p);
      check_close(c.dx, dx, rounding(static_cast<double>(3 * k * k)), "dx");
    }
  }
}

TEST_CASE("(CONV.4) at stride s each remainder meets every s-th tap, backwards") {
  // Along one axis: an image of one column, kernels k x 1, zeros before and after.
  const Tensor x = Random(5).normal({1, 9, 1, 1});
  for (const Index s : {1, 2, 3}) {
    for (const Index k : {1, 2, 3, 5}) {
      for (Index p = 0; p < k; ++p) {
        Random random(6);
        const Tensor w = random.normal({1, k, 1, 1});
        const auto f = [&](const Variable& v) { return conv2d(pad(v, 1, p, p), w, {.stride = s}); };
        const Index out = (9 + 2 * p - k) / s + 1;
        const Tensor dy = random.normal({1, out, 1, 1}), dx = vjp(f, x, dy);
        for (Index r = 0; r < 9; ++r) {
          const Index r0 = r % s, r1 = r / s, u0 = (r0 + p) % s, taps = (k - u0 + s - 1) / s;
          double sum = 0;
          for (Index t = 0; t < taps; ++t) {
            const Index i = r1 + t - (taps - 1 - (r0 + p) / s), u = u0 + s * (taps - 1 - t);
            if (i < 0 || i >= out) continue;
            sum +=
                static_cast<double>(dy.at({0, i, 0, 0})) * static_cast<double>(w.at({0, u, 0, 0}));
          }
          check_near(dx.at({0, r, 0, 0}), sum, rounding(5) * norm(dy) * norm(w), "dx");
        }
      }
    }
  }
}

TEST_CASE("(CONV.4) mistake: the kernel not flipped") {
  const Convolution c({1, 6, 7, 2}, {3, 3, 3, 2}, {.stride = 1, .padding = 1});
  check_wrong(convolved(c.dy, swapped(c.w, false), 1), c.dx);
}

TEST_CASE("(CONV.4) mistake: the padding of the forward pass") {
  const Convolution c({1, 6, 7, 2}, {3, 3, 3, 2}, {.stride = 1, .padding = 0});
  CHECK(convolved(c.dy, swapped(c.w, true), 0).shape() != c.x.shape());
  const Convolution five({1, 6, 7, 2}, {3, 5, 5, 2}, {.stride = 1, .padding = 1});
  CHECK(convolved(five.dy, swapped(five.w, true), 1).shape() != five.x.shape());
}

TEST_CASE("(CONV.5) (CONV.6) nearest upsampling and the sum over its blocks") {
  const Tensor x = Random(2).normal({2, 2, 3, 2}), y = upsample_nearest(x, 2).value();
  REQUIRE(y.shape() == Shape{2, 4, 6, 2});
  for (Index i = 0; i < 4; ++i) {
    for (Index j = 0; j < 6; ++j) CHECK(y.at({1, i, j, 1}) == x.at({1, i / 2, j / 2, 1}));
  }
  for (const Index f : {1, 2, 3}) {
    check_adjoint([f](const Variable& v) { return upsample_nearest(v, f); }, {2, 2, 3, 2},
                  static_cast<double>(f * f));
  }
}

TEST_CASE("(CONV.6) mistake: the mean over a block") {
  Random random(3);
  const Tensor x = random.normal({1, 2, 3, 1}), dy = random.normal({1, 4, 6, 1});
  const Tensor dx = vjp([](const Variable& v) { return upsample_nearest(v, 2); }, x, dy);
  const Tensor blocks = dy.reshape({1, 2, 2, 3, 2, 1});
  check_close(dx, sum(blocks, {2, 4}), rounding(4), "dx");
  const double moved = inner(dy, upsample_nearest(x, 2).value());
  CHECK(std::fabs(inner(mean(blocks, {2, 4}), x) - moved) > 0.5 * std::fabs(moved));
}

TEST_CASE("(CONV.7) the size of the result is that of the windows that fit") {
  for (Index h = 3; h < 9; ++h) {
    for (const Index s : {1, 2, 3}) {
      for (const Index p : {0, 1, 2}) {
        Index fit = 0;  // windows whose last row is at most row h - 1 + p
        while (fit * s + 2 - p <= h - 1 + p) ++fit;
        const Variable y = conv2d(Tensor::ones({1, h, 3, 1}), Tensor::ones({1, 3, 3, 1}),
                                  {.stride = s, .padding = p});
        CHECK(y.size(1) == fit);
      }
    }
  }
}

TEST_CASE("(CONV.7) mistake: rounding up") {
  // A 3x3 window at stride 2 without padding: the second one would need a seventh row.
  const Variable y = conv2d(Tensor::ones({1, 6, 6, 1}), Tensor::ones({1, 3, 3, 1}), {.stride = 2});
  CHECK(y.size(1) == 2);
  const Index rounded_up = (6 - 3 + 1) / 2 + 1, last_row = (rounded_up - 1) * 2 + 2;
  CHECK(last_row > 5);
}

TEST_CASE("(CONV.8) the added terms collect over what they were repeated") {
  Random random(4);
  const Tensor x = random.normal({2, 4, 5, 3}), w = random.normal({2, 3, 3, 3});
  const Variable b(random.normal({2}), true), t(random.normal({2, 2}), true),
      r(random.normal({2, 4, 5, 2}), true);
  const Variable y = conv2d(x, w, {.padding = 1}, {.bias = b, .image_bias = t, .residual = r});
  const Tensor dy = random.normal(y.shape());
  y.backward(dy);
  check_close(b.gradient(), sum(dy, {0, 1, 2}), rounding(40), "db");
  check_close(t.gradient(), sum(dy, {1, 2}), rounding(20), "dt");
  CHECK(equal(r.gradient(), dy));
}

TEST_SUITE_END();

}  // namespace ink::test
