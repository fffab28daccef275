// Chapter 4 of the derivations: the product of matrices and its two gradients.
#include "tests/support/derivations.h"

namespace ink::test {
namespace {

// A B by the definition, in double.
Tensor product(const Tensor& a, const Tensor& b) {
  std::vector<Real> values;
  for (Index i = 0; i < a.size(0); ++i) {
    for (Index j = 0; j < b.size(1); ++j) {
      double sum = 0;
      for (Index l = 0; l < a.size(1); ++l) {
        sum += static_cast<double>(a.at({i, l})) * static_cast<double>(b.at({l, j}));
      }
      values.push_back(static_cast<Real>(sum));
    }
  }
  return Tensor::from(values, {a.size(0), b.size(1)});
}

Tensor transposed(const Tensor& x) { return x.transpose(0, 1); }

// A product with its upstream gradient and the two gradients that came back.
struct Product {
  Tensor a, b, dc, da, db;

  Product(const Shape& a_shape, const Shape& b_shape) {
    Random random(1);
    a = random.normal(a_shape);
    b = random.normal(b_shape);
    const Variable left(a, true), right(b, true);
    const Variable c = matmul(left, right);
    dc = random.normal(c.shape());
    c.backward(dc);
    da = left.gradient();
    db = right.gradient();
  }
};

}  // namespace

TEST_SUITE_BEGIN("derivations");

TEST_CASE("(MM.1) (MM.2) (MM.3) the product, dA = dC B^T, dB = A^T dC") {
  const Product p({4, 7}, {7, 5});
  check_close(matmul(p.a, p.b), product(p.a, p.b), rounding(7), "C");
  check_close(p.da, product(p.dc, transposed(p.b)), rounding(5), "dA");
  check_close(p.db, product(transposed(p.a), p.dc), rounding(4), "dB");
  // Both hold as adjoints of a map that is linear in one factor.
  check_adjoint([&](const Variable& a) { return matmul(a, p.b); }, {4, 7}, 7);
  check_adjoint([&](const Variable& b) { return matmul(p.a, b); }, {7, 5}, 7);
}

TEST_CASE(
    "(MM.1) (MM.3) sums long enough to be cut, of a right factor read in place and of a copy") {
  constexpr Index kLong = 2100;
  for (const Index columns : {Index{48}, Index{33}, Index{144}}) {
    CAPTURE(columns);
    const Product p({3, kLong}, {kLong, columns});
    check_close(matmul(p.a, p.b), product(p.a, p.b), rounding(kLong), "C");
    const Product q({kLong, 3}, {3, columns});
    check_close(q.db, product(transposed(q.a), q.dc), rounding(kLong), "dB");
  }
}

TEST_CASE("(MM.2) mistake: the factors in the wrong order") {
  const Product p({6, 6}, {6, 6});
  check_wrong(product(transposed(p.b), p.dc), p.da);
  check_wrong(product(p.dc, transposed(p.a)), p.db);
}

TEST_CASE("(MM.4) (MM.5) a linear layer and its gradients") {
  Random random(2);
  const Variable x(random.normal({2, 3, 5}), true), w(random.normal({4, 5}), true),
      b(random.normal({4}), true), r(random.normal({2, 3, 4}), true);
  const Variable y = linear(x, w, b, r);
  const Tensor rows = x.value().reshape({6, 5});
  const Tensor expected = product(rows, transposed(w.value())) + b.value();
  check_close(y.value(), expected.reshape({2, 3, 4}) + r.value(), rounding(7), "Y");

  const Tensor dy = random.normal({2, 3, 4}), dy_rows = dy.reshape({6, 4});
  y.backward(dy);
  check_close(x.gradient().reshape({6, 5}), product(dy_rows, w.value()), rounding(4), "dX");
  check_close(w.gradient(), product(transposed(dy_rows), rows), rounding(6), "dW");
  check_close(b.gradient(), sum(dy_rows, {0}), rounding(6), "db");
  CHECK(equal(r.gradient(), dy));
}

TEST_CASE("(MM.5) mistake: the transposed gradient of a square weight") {
  Random random(3);
  const Tensor x = random.normal({6, 4}), dy = random.normal({6, 4});
  const auto f = [&](const Variable& w) { return linear(x, w); };
  const Tensor right = vjp(f, random.normal({4, 4}), dy);
  check_wrong(product(transposed(x), dy), right);
}

TEST_CASE("(MM.6) an operand that many products share collects from all of them") {
  const Product p({3, 4, 7}, {7, 5});
  const Tensor tall = product(transposed(p.a.reshape({12, 7})), p.dc.reshape({12, 5}));
  check_close(p.db, tall, rounding(12), "dB");
  const Product left({2, 1, 4, 3}, {3, 3, 5});
  CHECK(left.dc.shape() == Shape{2, 3, 4, 5});
  check_adjoint([&](const Variable& a) { return matmul(a, left.b); }, {2, 1, 4, 3}, 15);
  check_adjoint([&](const Variable& b) { return matmul(left.a, b); }, {3, 3, 5}, 8);
}

TEST_CASE("(MM.6) mistake: the mean over the products that share an operand") {
  // The product is linear in B: moving B by U moves the loss by <dC, A U>.
  const Product p({3, 4, 7}, {7, 5});
  const Tensor u = Random(4).normal({7, 5});
  const Tensor each = matmul(p.a, p.dc, true, false);
  const double moved = inner(p.dc, matmul(p.a, u));
  check_near(inner(sum(each, {0}), u), moved, rounding(12) * norm(p.db) * norm(u));
  CHECK(std::fabs(inner(mean(each, {0}), u) - moved) > 0.5 * std::fabs(moved));
}

TEST_SUITE_END();

}  // namespace ink::test
