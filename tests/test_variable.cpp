// The tape: what is recorded, what backward adds up, what is freed, what is refused.
#include "autograd/variable.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>

#include "autograd/ops.h"
#include "tensor/ops.h"
#include "tests/support/op_checks.h"

namespace ink {
namespace {

using Values = std::vector<Real>;

Variable leaf(std::initializer_list<double> values) {
  return {Tensor::from(values, {static_cast<Index>(values.size())}), true};
}

Values gradient(const Variable& x) { return x.gradient().to_vector(); }

}  // namespace

// ---- recording -------------------------------------------------------------------------------

TEST_CASE("variable: only what depends on a leaf is recorded") {
  const Variable constant = Tensor::ones({2}), x = leaf({1, 2});
  CHECK_FALSE(Variable().defined());
  CHECK_FALSE(constant.requires_grad());
  CHECK_FALSE((constant + constant).requires_grad());
  CHECK((x + constant).requires_grad());
  CHECK(x.node()->is_leaf);
  const Variable y = x * constant;
  REQUIRE(y.node()->inputs.size() == 2);
  CHECK(y.node()->inputs[0] == x.node());
  CHECK(y.node()->inputs[1] == nullptr);
  CHECK(y.node()->id > x.node()->id);
  CHECK(y.shape() == Shape{2});
  CHECK(y.count() == 2);
}

TEST_CASE("variable: NoGrad records nothing, nests, and ends with its scope") {
  const Variable x = leaf({1, 2});
  CHECK(grad_enabled());
  {
    const NoGrad outer;
    CHECK_FALSE((x * x).requires_grad());
    {
      const NoGrad inner;
      CHECK_FALSE(grad_enabled());
    }
    CHECK_FALSE(grad_enabled());
    // It holds for its own thread alone.
    bool elsewhere = false;
    std::thread([&] { elsewhere = grad_enabled(); }).join();
    CHECK(elsewhere);
  }
  CHECK((x * x).requires_grad());
  try {
    const NoGrad no_grad;
    throw 1;
  } catch (int) {
    CHECK(grad_enabled());
  }
}

TEST_CASE("variable: detach keeps the value and cuts the graph") {
  const Variable x = leaf({3});
  const Variable y = (x * x).detach();
  CHECK(y.item() == 9);
  CHECK_FALSE(y.requires_grad());
  (x * y).backward();
  CHECK(gradient(x) == Values{9});
}

// ---- adding up -------------------------------------------------------------------------------

TEST_CASE("backward: a gradient is the sum over all paths (AD.1) (AD.3)") {
  const Variable x = leaf({2, 3});
  const Variable h = x * x;      // x^2
  const Variable early = h * x;  // x^3
  const Variable late = h + h;   // 2 x^2
  sum(early * late).backward();  // 2 x^5
  CHECK(gradient(x) == Values{10 * 16, 10 * 81});
}

TEST_CASE("backward: paths of different lengths meet once their gradients are complete") {
  const Variable x = leaf({1});
  Variable deep = x;
  for (int i = 0; i < 50; ++i) deep = deep * 1;
  const Variable shallow = x * 3;
  (deep * shallow + shallow * x + deep).backward();  // 3 x^2 + 3 x^2 + x
  CHECK(gradient(x) == Values{13});
}

TEST_CASE("backward: a leaf that is used many times") {
  const Variable x = leaf({1, -2});
  Variable total = x * 1;
  for (int i = 2; i <= 100; ++i) total = total + x * static_cast<Real>(i);
  sum(total).backward();
  CHECK(gradient(x) == Values{5050, 5050});
}

TEST_CASE("backward: an op that takes one variable twice") {
  const Variable x = leaf({3});
  (x * x).backward();
  CHECK(gradient(x) == Values{6});
  const Variable a(Tensor::from({1, 2, 3, 4}, {2, 2}), true);
  sum(matmul(a, a)).backward();
  CHECK(a.gradient().to_vector() == Values{7, 11, 9, 13});
}

TEST_CASE("backward: broadcast gradients are not added up in place") {
  // sum hands each of its inputs an expanded tensor whose elements share one number.
  const Variable x = leaf({1, 2, 3});
  const Variable h = x * 2;
  (sum(h) + sum(h) + sum(h * h)).backward();
  CHECK(gradient(x) == Values{12, 20, 28});
}

TEST_CASE("backward: one upstream gradient that goes two ways stays as it was") {
  const Variable a = leaf({1}), b = leaf({10});
  const Variable p = a * 2, q = b * 3;
  const Variable u = p + q;  // hands the same tensor to p and to q
  const Variable v = u + p;  // p receives a second gradient
  v.backward();
  CHECK(gradient(a) == Values{4});
  CHECK(gradient(b) == Values{3});
  // Leaves have gradients of their own, too.
  const Variable c = leaf({1}), d = leaf({1});
  (c + d).backward();
  (c * 5).backward();
  CHECK(gradient(c) == Values{6});
  CHECK(gradient(d) == Values{1});
}

TEST_CASE("backward: an op that adds to the gradient of its first input") {
  std::vector<double> seen;  // what the input had so far, -1 for nothing
  const auto twice = [&](const Variable& x) {
    return record("twice", x.value() * 2, {x}, [&](const Tensor& dy, const Tensors& first) {
      const Tensor& so_far = first[0];
      seen.push_back(so_far.defined() ? so_far.item() : -1);
      Tensor sum = sum_place(so_far, dy.shape(), dy.device());
      sum.copy_(so_far.defined() ? so_far + dy * 2 : dy * 2);
      return Tensors{sum};
    });
  };
  const Variable x = leaf({1});
  {
    const Variable h = x * 1;
    const Variable u = twice(h);
    (u + h * 10).backward();  // the product was made last and comes first
    CHECK(gradient(x) == Values{12});
  }
  {
    const Variable h = x * 1;
    const Variable v = h * 10;
    (twice(h) + v).backward();
    CHECK(gradient(x) == Values{24});
  }
  // A leaf's gradient is the engine's alone; and a tensor that others see is left as it was.
  twice(x).backward();
  CHECK(gradient(x) == Values{26});
  {
    const Variable h = x * 1;
    const Variable u = twice(h);
    (u + h).backward();  // h and u are handed the same tensor
    CHECK(gradient(x) == Values{29});
  }
  CHECK(seen == std::vector<double>{10, -1, -1, 1});
}

TEST_CASE("backward: an op that adds to the gradients of two inputs") {
  const Variable x = leaf({1});
  const Variable a = x * 1, b = x * 1, c = x * 1;
  std::vector<double> seen;
  const Variable y = record(
      "sum", a.value() + b.value() + c.value(), {a, b, c},
      [&](const Tensor& dy, const Tensors& so_far) {
        REQUIRE(so_far.size() == 2);
        Tensors sums;
        for (const Tensor& before : so_far) {
          seen.push_back(before.defined() ? before.item() : -1);
          sums.push_back(before.defined() ? before + dy : dy.clone());
        }
        sums.push_back(dy);
        return sums;
      },
      2);
  (y + b * 10 + c * 100).backward();
  CHECK(gradient(x) == Values{113});
  CHECK(seen == std::vector<double>{-1, 10});
}

TEST_CASE("backward: passes accumulate until the gradient is zeroed") {
  Variable x = leaf({1, 2});
  sum(x * x).backward();
  sum(x * x).backward();
  CHECK(gradient(x) == Values{4, 8});
  x.zero_gradient();
  CHECK(gradient(x) == Values{0, 0});
  sum(x).backward();
  CHECK(gradient(x) == Values{1, 1});
  Variable untouched = leaf({1});
  CHECK_FALSE(untouched.gradient().defined());
  untouched.zero_gradient();
  CHECK_FALSE(untouched.gradient().defined());
}

TEST_CASE("backward: a leaf may bring the place for its gradient") {
  const Tensor place = Tensor::ones({4});
  const Variable x = Variable::leaf(Tensor::full({2}, 3), place.slice(0, 1, 3));
  sum(x * x).backward();
  CHECK(place.to_vector() == Values{1, 7, 7, 1});
  CHECK(x.gradient().data() == place.data() + 1);
  CHECK_THROWS_WITH_AS(Variable::leaf(Tensor::zeros({2}), Tensor::zeros({3})),
                       "[leaf] expected a gradient of the value's shape (2), got (3)", Error);
}

TEST_CASE("backward: from a seed, which stays as it was") {
  const Variable x = leaf({1, 2, 3});
  const Tensor seed = Tensor::from({1, 0, -1}, {3});
  const Variable y = x + x;
  (y * x + y).backward(seed);
  CHECK(gradient(x) == Values{6, 0, -14});
  CHECK(seed.to_vector() == Values{1, 0, -1});
  // From a leaf itself.
  x.backward(seed);
  CHECK(gradient(x) == Values{7, 0, -15});
  CHECK(seed.to_vector() == Values{1, 0, -1});
}

TEST_CASE("backward: the undefined terms of an op") {
  const Variable x(Tensor::ones({1, 2, 2, 1}), true);
  const Variable weight(Tensor::ones({1, 1, 1, 1}), true);
  sum(conv2d(x, weight)).backward();
  CHECK(weight.gradient().item() == 4);
  CHECK(x.gradient().to_vector() == Values{1, 1, 1, 1});
}

// ---- freeing ---------------------------------------------------------------------------------

TEST_CASE("backward: a node frees what it saved, though its output lives on") {
  const Variable x(Tensor::ones({1 << 16}), true);
  const auto in_use = [] { return allocator_stats(Device::cpu).bytes_in_use; };
  Variable y = x;
  for (int i = 0; i < 10; ++i) y = exp(y * Real(0.1));
  const Variable loss = sum(y);
  const std::int64_t before = in_use();
  loss.backward();
  const std::int64_t tensor = (1 << 16) * static_cast<std::int64_t>(sizeof(Real));
  // Nine outputs of exp go, the gradient of x comes; y holds the tenth.
  CHECK(in_use() <= before - 8 * tensor + 4096);
  CHECK(y.count() == 1 << 16);
}

TEST_CASE("backward: a second pass over a freed graph is a clear error") {
  const Variable x = leaf({1, 2});
  const Variable h = x * x, y = sum(h), z = sum(h * 2);
  y.backward();
  CHECK_THROWS_WITH_AS(
      y.backward(),
      "[sum] backward has already passed through this graph and freed it; run the forward pass "
      "again",
      Error);
  // So is one that meets a freed part on its way.
  CHECK_THROWS_WITH_AS(
      z.backward(),
      "[multiply] backward has already passed through this graph and freed it; run the forward "
      "pass again",
      Error);
  CHECK(gradient(x) == Values{2, 4});
}

// ---- refusing --------------------------------------------------------------------------------

TEST_CASE("backward: what it cannot start from") {
  const Variable x = leaf({1, 2});
  CHECK_THROWS_WITH_AS((x * x).backward(),
                       "[backward] expected a value of one element or a seed, got the shape (2)",
                       Error);
  CHECK_THROWS_WITH_AS((x * x).backward(Tensor::ones({3})),
                       "[backward] expected a seed of shape (2), got (3)", Error);
  CHECK_THROWS_WITH_AS(Variable(Tensor::ones({1})).backward(),
                       "[backward] this value of shape (1) depends on nothing with a gradient",
                       Error);
  {
    const NoGrad no_grad;
    CHECK_THROWS_AS(sum(x).backward(), Error);
  }
}

TEST_CASE("variable: only leaves keep a gradient") {
  const Variable x = leaf({1, 2});
  CHECK_THROWS_WITH_AS(
      (x * x).gradient(),
      "[gradient] only leaves keep a gradient; this variable of shape (2) is multiply", Error);
  CHECK_THROWS_WITH_AS(
      Variable(Tensor::zeros({3})).gradient(),
      "[gradient] only leaves keep a gradient; this variable of shape (3) is a constant", Error);
  Variable y = x * x;
  CHECK_THROWS_AS(y.zero_gradient(), Error);
}

TEST_CASE("backward: a VJP that returns too little or the wrong shape is named") {
  const Variable x = leaf({1, 2}), w = leaf({1});
  const auto op_with_vjp = [&](const Vjp& vjp) {
    return record("mine", Tensor::zeros({2}), {x, w}, vjp);
  };
  CHECK_THROWS_WITH_AS(sum(op_with_vjp([](const Tensor& dy) { return Tensors{dy}; })).backward(),
                       "[mine] the VJP returned 1 gradients for 2 inputs", Error);
  CHECK_THROWS_WITH_AS(sum(op_with_vjp([](const Tensor& dy) {
                         return Tensors{dy, dy};
                       })).backward(),
                       "[mine] the VJP returned a gradient of shape (2) for input 1 of shape (1)",
                       Error);
  sum(op_with_vjp([](const Tensor&) { return Tensors(2); })).backward();
  CHECK_FALSE(x.gradient().defined());
}

// ---- in-place changes ------------------------------------------------------------------------

TEST_CASE("backward: a saved tensor that was changed in place is noticed and named") {
  Variable a = leaf({1, 2});
  const Variable b = leaf({3, 4});
  const Variable y = sum(a * b);
  a.mutable_value().fill_(0);
  CHECK_THROWS_WITH_AS(y.backward(),
                       "[multiply] the tensor a (2) that backward needs was changed in place after "
                       "the forward pass (version 2, saved at 1)",
                       Error);
  // Through a view as well.
  const Variable c(Tensor::ones({2, 3}), true);
  const Variable z = sum(square(c));
  c.value().slice(0, 1, 2).fill_(7);
  CHECK_THROWS_WITH_AS(z.backward(),
                       "[square] the tensor x (2,3) that backward needs was changed in place after "
                       "the forward pass (version 2, saved at 1)",
                       Error);
}

TEST_CASE("backward: a change of what it does not need is allowed") {
  Variable a = leaf({1, 2});
  const Variable y = sum(a + 1);
  a.mutable_value().fill_(9);
  y.backward();
  CHECK(gradient(a) == Values{1, 1});
}

TEST_CASE("op table: after a change in place, backward is right or refuses") {
  using namespace test;
  for_each_case([](const OpRow& row, const OpCase& c) {
    if (c.large) return;
    const Result expected = differentiate(c, make_inputs(row, c));
    // Changes input `which`, or the output for the number after the last.
    for (std::size_t which = 0; which <= c.inputs.size(); ++which) {
      Tensors inputs = make_inputs(row, c);
      const std::vector<Variable> variables = leaves(c, inputs);
      const Variable y = c.run(variables);
      Tensor changed = which < inputs.size() ? inputs[which] : y.value();
      changed.copy_(Tensor::zeros({}));
      try {
        y.backward(normal_numbers("upstream gradient", y.shape()));
      } catch (const Error& error) {
        const std::string message = error.what();
        CAPTURE(message);
        CHECK(message.find("was changed in place after the forward pass") != std::string::npos);
        continue;
      }
      INFO("changed tensor ", which);
      Result result{expected.value, {}};
      for (const Variable& v : variables) {
        result.gradients.push_back(v.requires_grad() ? v.gradient() : Tensor());
      }
      CHECK(different_bits(result, expected) == "");
    }
  });
}

}  // namespace ink
