// What the tests of the derivations share: inner products, rounding, and the test of an adjoint.
#pragma once

#include "autograd/ops.h"
#include "tensor/random.h"
#include "tests/support/close.h"

namespace ink::test {

// By how much a sum of `terms` rounded products may be wrong, relative to its terms: a few
// roundings each, which add up as a random walk. In double at most 1e-12 for a million terms.
inline double rounding(double terms = 1) { return 4 * kEpsilonOfReal * std::sqrt(terms); }

// <a, b>, the sum of the products of their elements, in double.
inline double inner(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  const std::vector<Real> x = a.to_vector(), y = b.to_vector();
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += static_cast<double>(x[i]) * static_cast<double>(y[i]);
  }
  return sum;
}
inline double norm(const Tensor& x) { return std::sqrt(inner(x, x)); }

// The VJP of op at x: the gradient of <dy, op(x)>.
template <class Op>
Tensor vjp(const Op& op, const Tensor& x, const Tensor& dy) {
  const Variable leaf(x, true);
  const Variable y = op(leaf);
  y.backward(dy);
  return leaf.gradient();
}

// Checks <dy, A u> = <A^T dy, u> for a linear op A and random u and dy. Each element of A u and
// A^T dy is a sum of at most `terms` products.
template <class Op>
void check_adjoint(const Op& op, const Shape& shape, double terms = 1) {
  Random random(7);
  const Tensor u = random.normal(shape);
  const Tensor y = op(Variable(u)).value();
  const Tensor dy = random.normal(y.shape()), dx = vjp(op, u, dy);
  const double size = norm(dy) * norm(y) + norm(dx) * norm(u);
  check_near(inner(dy, y), inner(dx, u), rounding(terms) * size, "<dy, A u> = <A^T dy, u>");
}

// Checks that a formula known to be wrong is far from the truth.
inline void check_wrong(const Tensor& wrong, const Tensor& right, double by_at_least = 0.05) {
  CHECK(relative_error(wrong, right) > by_at_least);
}

}  // namespace ink::test
