// Chapter 10 of the derivations: register tiles, and sums that do not depend on the threads.
#include "tensor/cpu/conv2d_narrow.h"
#include "tensor/cpu/conv2d_weight.h"
#include "tensor/cpu/register_tile.h"
#include "tests/support/derivations.h"

namespace ink::test {

TEST_CASE(
    "(CPU.2) a tile fits the registers, keeps the units busy and loads less than it multiplies") {
  for (const int vectors : {1, 2}) {
    const int rows = cpu::tile_rows(vectors);
    CHECK(rows * vectors + vectors + 1 <= cpu::kVectorRegisters);
    CHECK(rows * vectors >= 8);
  }
  const double rows = cpu::tile_rows(2), vectors = 2;
  CHECK((rows + vectors) / (rows * vectors) < 0.7);
}

namespace {

Tensor weight_gradient(int threads) {
  const int before = omp_get_max_threads();
  omp_set_num_threads(threads);
  Random random(2);
  const Variable x(random.normal({40, 7, 7, 16})), w(random.normal({16, 3, 3, 16}), true);
  conv2d(x, w, {.padding = 1}).backward(random.normal({40, 7, 7, 16}));
  omp_set_num_threads(before);
  return w.gradient();
}

}  // namespace

TEST_CASE("(CPU.3) the chunks of a sum follow from the sizes: the same bits for any team") {
  const Tensor one = weight_gradient(1);
  for (const int threads : {2, 3, 5, 8}) CHECK(equal(weight_gradient(threads), one));
}

TEST_CASE("(CPU.3) mistake: a chunk for every thread") {
  Random random(3);
  const std::vector<Real> x = random.normal({10'000}).to_vector();
  const auto sum_of_chunks = [&x](std::size_t chunks) {
    Real total = 0;
    for (std::size_t k = 0; k < chunks; ++k) {
      Real chunk = 0;
      for (std::size_t i = x.size() * k / chunks; i < x.size() * (k + 1) / chunks; ++i)
        chunk += x[i];
      total += chunk;
    }
    return total;
  };
  CHECK(sum_of_chunks(1) != sum_of_chunks(3));
}

TEST_CASE(
    "(CPU.4) (CPU.5) convolutions to few channels: the sums of their taps, and dw exchanged") {
  struct Case {
    Index h, w, c_in, c_out, kernel, padding;
  };
  for (const Case& c : {Case{7, 6, 16, 1, 3, 1}, Case{5, 9, 35, 1, 3, 0}, Case{6, 4, 8, 1, 5, 4},
                        Case{4, 5, 3, 2, 5, 2}, Case{1, 2, 40, 1, 3, 2}}) {
    CAPTURE(c.h);
    CAPTURE(c.kernel);
    Random random(4);
    const Tensor weight = random.normal({c.c_out, c.kernel, c.kernel, c.c_in});
    const Tensor image = random.normal({3, c.h, c.w, c.c_in});
    const Conv2dSizes sizes{.n = 3,
                            .h = c.h,
                            .w = c.w,
                            .c_in = c.c_in,
                            .c_out = c.c_out,
                            .kernel_h = c.kernel,
                            .kernel_w = c.kernel,
                            .stride = 1,
                            .padding = c.padding};
    CHECK((cpu::is_narrow(sizes) || cpu::kLanes < 16));
    const Shape y_shape{3, sizes.out_h(), sizes.out_w(), c.c_out};
    const Conv2dTerms terms{.bias = random.normal({c.c_out}),
                            .image_bias = random.normal({3, c.c_out}),
                            .residual = random.normal(y_shape)};
    const Conv2dEpilogue epilogue{terms.bias.value().data(), terms.image_bias.value().data(),
                                  terms.residual.value().data()};
    const Tensor dy = random.normal(y_shape);
    const Variable w(weight, true), bias(terms.bias.value(), true);
    const Variable expected = composed::conv2d(
        image, w, {.padding = c.padding},
        {.bias = bias, .image_bias = terms.image_bias, .residual = terms.residual});
    expected.backward(dy);

    Tensor y(y_shape), dweight(weight.shape()), dbias({c.c_out});
    cpu::conv2d_narrow_forward(y.mutable_data(), image.data(), weight.data(), epilogue, sizes);
    cpu::conv2d_narrow_weight(dweight.mutable_data(), dbias.mutable_data(), image.data(), dy.data(),
                              sizes);
    const auto taps = static_cast<double>(c.kernel * c.kernel * c.c_in);
    check_close(y, expected.value(), 8 * rounding(taps));
    const auto pixels = static_cast<double>(dy.count());
    check_close(dweight, w.gradient(), 8 * rounding(pixels));
    check_close(dbias, bias.gradient(), 8 * rounding(pixels));
  }
}

}  // namespace ink::test
