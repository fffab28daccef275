// Chapter 10 of the derivations: register tiles, and sums that do not depend on the threads.
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

}  // namespace ink::test
