// Chapter 7 of the derivations: attention, forward and backward without the matrix of scores.
#include "autograd/gradcheck.h"
#include "tests/support/derivations.h"

namespace ink::test {
namespace {

// One head: what the op computes, and what the definition says with all matrices written out.
struct Head {
  Tensor q, k, v, o, d_out, dq, dk, dv;
  Tensor p, scores;
  Real scale;

  Head(Index queries, Index keys, Index dim) : scale(1 / std::sqrt(static_cast<Real>(dim))) {
    Random random(1);
    const Variable query(random.normal({1, queries, dim}), true),
        key(random.normal({1, keys, dim}), true), value(random.normal({1, keys, dim}), true);
    const Variable out = attention(query, key, value, 1);
    const Tensor upstream = random.normal(out.shape());
    out.backward(upstream);
    q = query.value().squeeze(0), k = key.value().squeeze(0), v = value.value().squeeze(0);
    dq = query.gradient().squeeze(0), dk = key.gradient().squeeze(0);
    dv = value.gradient().squeeze(0);
    o = out.value().squeeze(0), d_out = upstream.squeeze(0);
    scores = matmul(q, k, false, true) * scale;
    p = softmax(scores);
  }

  // (ATT.5) for given row sums D (queries, 1).
  Tensor ds(const Tensor& d) const { return p * (matmul(d_out, v, false, true) - d); }
  Tensor row_dot() const { return sum(d_out * o, {1}, true); }
  // A score is a sum of dim products; the value is one of as many terms as there are keys.
  double tolerance() const { return rounding(static_cast<double>(k.count())); }
};

struct Blockwise {
  double right, values_not_rescaled;
};

// Attention of one query with scores s over values v, which come in blocks. (ATT.3)
Blockwise blockwise(const std::vector<double>& s, const std::vector<double>& v, std::size_t block) {
  double m = -INFINITY, z = 0, a = 0, wrong = 0;
  for (std::size_t first = 0; first < s.size(); first += block) {
    const std::size_t last = std::min(s.size(), first + block);
    const double before = m;
    for (std::size_t j = first; j < last; ++j) m = std::max(m, s[j]);
    z *= std::exp(before - m);
    a *= std::exp(before - m);
    for (std::size_t j = first; j < last; ++j) {
      z += std::exp(s[j] - m);
      a += std::exp(s[j] - m) * v[j];
      wrong += std::exp(s[j] - m) * v[j];
    }
  }
  return {a / z, wrong / z};
}

double direct(const std::vector<double>& s, const std::vector<double>& v) {
  double z = 0, a = 0;
  for (std::size_t j = 0; j < s.size(); ++j) {
    z += std::exp(s[j]);
    a += std::exp(s[j]) * v[j];
  }
  return a / z;
}

const std::vector<double> kRising{-2, 0.5, 1, -1, 3, 4, 2}, kFalling{4, 3, 2, 1, 0.5, -1, -2},
    kValues{1, -2, 3, 0.5, -1, 2, 5};

}  // namespace

TEST_SUITE_BEGIN("derivations");

TEST_CASE("(ATT.1) attention weighs the values with the softmax of the scores") {
  for (const Index keys : {1, 7, 130}) {  // the kernel's blocks have 64 keys
    const Head h(5, keys, 4);
    check_close(h.o, matmul(h.p, h.v), h.tolerance(), "o");
  }
  // Two heads are two attentions side by side, over their own columns.
  Random random(2);
  const Tensor q = random.normal({2, 5, 6}), k = random.normal({2, 9, 6}),
               v = random.normal({2, 9, 6});
  const Tensor both = attention(q, k, v, 2).value();
  for (const Index first : {0, 3}) {
    const auto columns = [first](const Tensor& x) { return x.slice(2, first, first + 3); };
    const Tensor one = attention(columns(q), columns(k), columns(v), 1).value();
    check_close(columns(both), one, rounding(27), "one head");
  }
}

TEST_CASE("(ATT.1) a vector added to all keys changes nothing") {
  const Head h(5, 9, 4);
  const Tensor shifted = h.k + Random(3).normal({1, 4});
  const Tensor o = attention(h.q.unsqueeze(0), shifted.unsqueeze(0), h.v.unsqueeze(0), 1).value();
  check_close(o.squeeze(0), h.o, 10 * h.tolerance(), "o");
  CHECK(norm(sum(h.dk, {0})) < h.tolerance() * norm(h.dk));
}

TEST_CASE("(ATT.2) the scale gives scores of variance 1 at any width") {
  for (const Index dim : {4, 64}) {
    Random random(4);
    const Tensor q = random.normal({20000, dim}), k = random.normal({20000, dim});
    const Tensor products = sum(q * k, {1});
    // The fourth moment of a score is 3 + 6 / dim, so that of 20,000 has this standard error:
    const double error = std::sqrt((2 + 6.0 / static_cast<double>(dim)) / 20000);
    check_near(moments(products * Head(1, 1, dim).scale).variance, 1, 5 * error, "scaled");
    check_near(moments(products).variance / static_cast<double>(dim), 1, 5 * error, "unscaled");
  }
}

TEST_CASE("(ATT.3) sums over blocks, rescaled when the maximum grows, are those of the whole") {
  for (const auto& scores : {kRising, kFalling}) {
    for (const std::size_t block : {1, 2, 3, 7}) {
      check_near(blockwise(scores, kValues, block).right, direct(scores, kValues), 1e-12);
    }
  }
  // Scores that would overflow on their own.
  std::vector<double> large = kRising;
  for (double& s : large) s += 1000;
  check_near(blockwise(large, kValues, 2).right, direct(kRising, kValues), 1e-12);
}

TEST_CASE("(ATT.3) mistake: the values not rescaled") {
  const double rising = direct(kRising, kValues), falling = direct(kFalling, kValues);
  CHECK(std::fabs(blockwise(kRising, kValues, 2).values_not_rescaled - rising) > 0.1);
  // It does not show where the largest score comes first.
  check_near(blockwise(kFalling, kValues, 2).values_not_rescaled, falling, 1e-12);
}

TEST_CASE("(ATT.4) one number for each query gives its probabilities back") {
  const Head h(5, 9, 4);
  std::vector<Real> p;
  for (Index i = 0; i < 5; ++i) {
    double total = 0;
    for (Index j = 0; j < 9; ++j) total += std::exp(static_cast<double>(h.scores.at({i, j})));
    for (Index j = 0; j < 9; ++j) {
      const double s = static_cast<double>(h.scores.at({i, j}));
      p.push_back(static_cast<Real>(std::exp(s - std::log(total))));
    }
  }
  check_close(Tensor::from(p, {5, 9}), h.p, h.tolerance(), "p");
}

TEST_CASE("(ATT.5) the gradients, from the matrices written out") {
  for (const Index keys : {1, 7, 130}) {
    const Head h(5, keys, 4);
    const Tensor ds = h.ds(h.row_dot());
    check_close(h.dv, matmul(h.p, h.d_out, true, false), h.tolerance(), "dv");
    // With one key the probability is 1 whatever the score, and dq and dk are zero but for
    // rounding.
    const double size = norm(h.d_out) * norm(h.v);
    check_near(norm(h.dq - matmul(ds, h.k) * h.scale) / size, 0, h.tolerance(), "dq");
    check_near(norm(h.dk - matmul(ds, h.q, true, false) * h.scale) / size, 0, h.tolerance(), "dk");
  }
  const Head h(3, 4, 2);
  const auto f = [](const std::vector<Variable>& in) { return attention(in[0], in[1], in[2], 1); };
  CHECK_NOTHROW(
      check_gradients("attention", f, {h.q.unsqueeze(0), h.k.unsqueeze(0), h.v.unsqueeze(0)}));
}

TEST_CASE("(ATT.5) mistake: the scale lost on the way back") {
  const Head h(5, 9, 16);
  const Tensor wrong = matmul(h.ds(h.row_dot()), h.k);
  CHECK(norm(wrong) > 3.9 * norm(h.dq));
}

TEST_CASE("(ATT.6) D is the product of a row of dO with its row of O") {
  const Head h(5, 130, 4);
  const Tensor dp = matmul(h.d_out, h.v, false, true);
  check_close(h.row_dot(), sum(h.p * dp, {1}, true), h.tolerance(), "D");
}

TEST_CASE("(ATT.6) mistake: the sum of dP without its weights") {
  const Head h(5, 9, 4);
  const Tensor dp = matmul(h.d_out, h.v, false, true);
  check_wrong(matmul(h.ds(sum(dp, {1}, true)), h.k) * h.scale, h.dq);
}

TEST_SUITE_END();

}  // namespace ink::test
