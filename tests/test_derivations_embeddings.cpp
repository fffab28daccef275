// Chapter 8 of the derivations: the time as a vector, and tables of vectors.
#include "nn/layers.h"
#include "tests/support/derivations.h"

namespace ink::test {
namespace {

using nn::timestep_embedding;

constexpr Index kWidth = 32, kHalf = kWidth / 2;
// An angle of up to 1000 is rounded twice where the expected values are computed in double.
constexpr double kAngle = 1000 * 0x1p-52;

// The frequency of hand i, with a divisor of its exponent.
double frequency(Index i, Index divisor = kHalf) {
  return std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(divisor));
}

// Times that cover 0 to 1000, and the embeddings written out, in double but for the last rounding.
Tensor times() { return Tensor::arange(0, 26) * 40; }
template <class Angle>
Tensor embedding_of(const Tensor& t, const Angle& angle) {
  std::vector<Real> values;
  for (const Real time : t.to_vector()) {
    for (const bool is_sine : {false, true}) {
      for (Index i = 0; i < kHalf; ++i) {
        const double a = angle(static_cast<double>(time), i);
        values.push_back(static_cast<Real>(is_sine ? std::sin(a) : std::cos(a)));
      }
    }
  }
  return Tensor::from(values, {t.count(), kWidth});
}

// (count, rows): row j is 1 in column index[j].
Tensor one_hot(const std::vector<Real>& index, Index rows) {
  Tensor e = Tensor::zeros({static_cast<Index>(index.size()), rows});
  for (std::size_t j = 0; j < index.size(); ++j) {
    const auto row = static_cast<Index>(j), column = static_cast<Index>(index[j]);
    e.slice(0, row, row + 1).slice(1, column, column + 1).fill_(1);
  }
  return e;
}

}  // namespace

TEST_SUITE_BEGIN("derivations");

TEST_CASE("(EMB.1) the embedding of a time: cosines, then sines") {
  const auto angle = [](double t, Index i) { return t * frequency(i); };
  const Tensor expected = embedding_of(times(), angle);
  check_close(timestep_embedding(times(), kWidth), expected, rounding(4) + kAngle);
}

TEST_CASE("(EMB.1) mistake: another convention") {
  const Tensor e = timestep_embedding(times(), kWidth);
  const auto angle = [](double t, Index i) { return t * frequency(i, kHalf - 1); };
  check_wrong(embedding_of(times(), angle), e);
  check_wrong(concat(Tensors{e.slice(1, kHalf, kWidth), e.slice(1, 0, kHalf)}, 1), e);
}

TEST_CASE("(EMB.2) the product of two embeddings depends on the distance of the times") {
  const Tensor e = timestep_embedding(times(), kWidth);
  const Tensor products = matmul(e, e, false, true);
  for (Index a = 0; a < 26; ++a) {
    for (Index b = 0; b < 26; ++b) {
      double expected = 0;
      for (Index i = 0; i < kHalf; ++i) {
        expected += std::cos(frequency(i) * 40 * static_cast<double>(a - b));
      }
      check_near(products.at({a, b}), expected, (rounding(kWidth) + kAngle) * kHalf, "product");
    }
  }
  // A step of 40 is one rotation for all times.
  const auto of = [](const Tensor& x, bool sine) {
    return x.slice(1, sine ? kHalf : 0, sine ? kWidth : kHalf);
  };
  const Tensor step = timestep_embedding(Tensor::from({40}, {1}), kWidth);
  const Tensor now = e.slice(0, 0, 25), next = e.slice(0, 1, 26);
  const Tensor turned = of(step, false) * of(now, false) - of(step, true) * of(now, true);
  check_close(of(next, false), turned, rounding(8) + kAngle, "rotation");
}

TEST_CASE("(EMB.5) an angle in two parts keeps all digits") {
  // The part of 12 bits times a time of 12 bits is exact in float.
  for (Index i = 0; i < kHalf; ++i) {
    int exponent = 0;
    const double mantissa = std::frexp(frequency(i), &exponent);
    const double a = std::ldexp(std::round(std::ldexp(mantissa, 12)), exponent - 12);
    const double b = frequency(i) - a;
    CHECK(std::fabs(b) <= 0x1p-12 * frequency(i));
    CHECK(static_cast<double>(static_cast<float>(a) * 4095.0f) == a * 4095);
    const double t = 999;
    check_near(std::cos(t * a) * std::cos(t * b) - std::sin(t * a) * std::sin(t * b),
               std::cos(t * frequency(i)), 1e-12, "cos");
    check_near(std::sin(t * a) * std::cos(t * b) + std::cos(t * a) * std::sin(t * b),
               std::sin(t * frequency(i)), 1e-12, "sin");
  }
}

TEST_CASE("(EMB.5) mistake: the angle rounded to float") {
  const auto exact = [](double t, Index i) { return t * frequency(i); };
  const auto rounded = [](double t, Index i) {
    return static_cast<double>(static_cast<float>(t) * static_cast<float>(frequency(i)));
  };
  const Tensor expected = embedding_of(times(), exact);
  CHECK(relative_error(embedding_of(times(), rounded), expected) > 1e-5);
  CHECK(relative_error(timestep_embedding(times(), kWidth), expected) < 1e-6);
}

TEST_CASE("(EMB.3) (EMB.4) a table is a product with a matrix of ones and zeros") {
  const std::vector<Real> index{2, 0, 2, 4, 2};
  Random random(1);
  const Tensor table = random.normal({6, 3}), dy = random.normal({5, 3});
  const Tensor e = one_hot(index, 6);
  const auto f = [&](const Variable& t) { return embedding(t, Tensor::from(index, {5})); };
  CHECK(equal(f(Variable(table)).value(), matmul(e, table)));
  const Tensor dtable = vjp(f, table, dy);
  check_close(dtable, matmul(e, dy, true, false), rounding(3), "dtable");
  CHECK(equal(dtable.slice(0, 5, 6), Tensor::zeros({1, 3})));
  check_adjoint(f, {6, 3}, 3);
}

TEST_CASE("(EMB.4) mistake: the last row replaces the others") {
  const std::vector<Real> index{2, 0, 2, 4, 2};
  Random random(2);
  const Tensor table = random.normal({6, 3}), dy = random.normal({5, 3});
  Tensor wrong = Tensor::zeros({6, 3});
  for (Index j = 0; j < 5; ++j) {
    const auto row = static_cast<Index>(index[static_cast<std::size_t>(j)]);
    wrong.slice(0, row, row + 1).copy_(dy.slice(0, j, j + 1));
  }
  const auto f = [&](const Variable& t) { return embedding(t, Tensor::from(index, {5})); };
  check_wrong(wrong, vjp(f, table, dy));
}

TEST_SUITE_END();

}  // namespace ink::test
