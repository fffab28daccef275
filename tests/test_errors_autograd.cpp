// Every mistake that an op can be given, and what it says: the op, what it expects, the shapes.
// And the values at the points where a derivative jumps.
#include <doctest/doctest.h>

#include "autograd/ops.h"
#include "tensor/ops.h"

namespace ink {
namespace {

using Values = std::vector<Real>;

Tensor zeros(const Shape& shape) { return Tensor::zeros(shape); }

// The gradient of sum(f(x)) at these values.
template <class F>
Values slope(const F& f, std::initializer_list<double> at) {
  const Variable x(Tensor::from(at, {static_cast<Index>(at.size())}), true);
  sum(f(x)).backward();
  return x.gradient().to_vector();
}

}  // namespace

TEST_CASE("errors: elementwise and views") {
  const Variable x = zeros({2, 3});
  CHECK_THROWS_WITH_AS(x * Variable(zeros({2})),
                       "[multiply] the shapes (2,3) and (2) do not broadcast: sizes 3 and 2 stand "
                       "opposite, expected equal sizes or a 1",
                       Error);
  CHECK_THROWS_WITH_AS(reshape(x, {4}),
                       "[reshape] a tensor of shape (2,3) cannot take the shape (4)", Error);
  CHECK_THROWS_WITH_AS(permute(x, {1}),
                       "[permute] expected an order of the 2 axes of (2,3), got (1)", Error);
  CHECK_THROWS_WITH_AS(transpose(x, 0, 2),
                       "[transpose] axis 2 is out of range for a tensor of 2 axes", Error);
  CHECK_THROWS_WITH_AS(expand(x, {3}), "[expand] a tensor of shape (2,3) does not expand to (3)",
                       Error);
  CHECK_THROWS_WITH_AS(
      squeeze(x, 0), "[squeeze] expected an axis of size 1, got size 2 on axis 0 of (2,3)", Error);
  CHECK_THROWS_WITH_AS(unsqueeze(x, 3), "[unsqueeze] axis 3 is out of range for a tensor of 3 axes",
                       Error);
  CHECK_THROWS_WITH_AS(slice(x, 1, 2, 4),
                       "[slice] expected 0 <= first <= last <= 3 on axis 1 of (2,3), got 2 and 4",
                       Error);
  CHECK_THROWS_WITH_AS(concat({x, Variable(zeros({3, 2}))}, 0),
                       "[concat] expected shapes equal but for axis 0, got (2,3) and (3,2)", Error);
  CHECK_THROWS_WITH_AS(concat(std::vector<Variable>{}, 0),
                       "[concat] expected at least one tensor, got none", Error);
  CHECK_THROWS_WITH_AS(split(x, {2, 2}, 1),
                       "[split] the sizes (2,2) sum to 4, but axis 1 of (2,3) has 3", Error);
  CHECK_THROWS_WITH_AS(pad(x, 0, -1, 2), "[pad] expected paddings of at least 0, got -1 and 2",
                       Error);
  CHECK_THROWS_WITH_AS(pad(x, 2, 1, 1), "[pad] axis 2 is out of range for a tensor of 2 axes",
                       Error);
}

TEST_CASE("errors: reductions") {
  const Variable x(zeros({2, 3}), true);
  CHECK_THROWS_WITH_AS(sum(x, {2}), "[sum] axis 2 is out of range for a tensor of 2 axes", Error);
  CHECK_THROWS_WITH_AS(mean(x, {-3}), "[sum] axis -3 is out of range for a tensor of 2 axes",
                       Error);
  CHECK_THROWS_WITH_AS(max(x, {4}), "[max] axis 4 is out of range for a tensor of 2 axes", Error);
}

TEST_CASE("errors: matmul and linear") {
  const Variable x = zeros({5, 3}), weight = zeros({4, 3});
  CHECK_THROWS_WITH_AS(matmul(x, Variable(zeros({4, 2}))),
                       "[matmul] the inner sizes of a (5,3) and b (4,2) differ: 3 and 4", Error);
  CHECK_THROWS_WITH_AS(linear(x, Variable(zeros({4, 2}))),
                       "[linear] x (...,in) = (5,3) does not fit the weight (out,in) = (4,2)",
                       Error);
  CHECK_THROWS_WITH_AS(linear(x, Variable(zeros({3}))),
                       "[linear] x (...,in) = (5,3) does not fit the weight (out,in) = (3)", Error);
  CHECK_THROWS_AS(linear(Variable(Tensor::scalar(1)), weight), Error);
  CHECK_THROWS_WITH_AS(linear(x, weight, Variable(zeros({3}))),
                       "[linear] expected a bias of shape (4), got (3)", Error);
  CHECK_THROWS_WITH_AS(linear(x, weight, {}, Variable(zeros({5, 3}))),
                       "[linear] expected a residual of the result's shape (5,4), got (5,3)",
                       Error);
}

TEST_CASE("errors: conv2d") {
  const Variable x = zeros({8, 28, 28, 3}), weight = zeros({32, 3, 3, 3});
  CHECK_THROWS_WITH_AS(
      conv2d(x, Variable(zeros({32, 3, 3, 4}))),
      "[conv2d] x (N,H,W,C) = (8,28,28,3) but the weight (O,KH,KW,C) = (32,3,3,4) expects C = 4",
      Error);
  CHECK_THROWS_WITH_AS(
      conv2d(Variable(zeros({28, 28, 3})), weight),
      "[conv2d] expected x (N,H,W,C) and the weight (O,KH,KW,C), got (28,28,3) and (32,3,3,3)",
      Error);
  CHECK_THROWS_WITH_AS(conv2d(x, weight, {.stride = 0}),
                       "[conv2d] expected stride >= 1 and padding >= 0, got 0 and 0", Error);
  CHECK_THROWS_WITH_AS(conv2d(x, weight, {.stride = 1, .padding = -1}),
                       "[conv2d] expected stride >= 1 and padding >= 0, got 1 and -1", Error);
  CHECK_THROWS_WITH_AS(
      conv2d(Variable(zeros({1, 2, 9, 3})), weight),
      "[conv2d] x (N,H,W,C) = (1,2,9,3) with padding 0 is smaller than the kernel of (32,3,3,3)",
      Error);
  const Variable wrong = zeros({8, 3});
  const Conv2dOptions same{.stride = 1, .padding = 1};
  CHECK_THROWS_WITH_AS(conv2d(x, weight, same, {.bias = wrong}),
                       "[conv2d] expected the bias to have the shape (32), got (8,3)", Error);
  CHECK_THROWS_WITH_AS(conv2d(x, weight, same, {.image_bias = wrong}),
                       "[conv2d] expected the image_bias to have the shape (8,32), got (8,3)",
                       Error);
  CHECK_THROWS_WITH_AS(conv2d(x, weight, same, {.residual = wrong}),
                       "[conv2d] expected the residual to have the shape (8,28,28,32), got (8,3)",
                       Error);
  CHECK_THROWS_WITH_AS(conv2d(x, weight, same, {.skip = wrong}),
                       "[conv2d] expected the skip connection to have the shape of x (N,H,W,C) = "
                       "(8,28,28,3) but for C, got (8,3)",
                       Error);
  CHECK_THROWS_WITH_AS(conv2d(x, weight, same, {.skip = x}),
                       "[conv2d] x (N,H,W,C) = (8,28,28,3) and a skip connection (8,28,28,3) but "
                       "the weight (O,KH,KW,C) = (32,3,3,3) expects C = 3",
                       Error);
  // The definition refuses the same.
  CHECK_THROWS_AS(composed::conv2d(x, Variable(zeros({32, 3, 3, 4}))), Error);
}

TEST_CASE("errors: group_norm") {
  const Variable x = zeros({2, 4, 4, 6}), gamma = zeros({6});
  CHECK_THROWS_WITH_AS(group_norm(Variable(zeros({6})), gamma, gamma, {.groups = 2}),
                       "[group_norm] expected x (N,...,C), got (6)", Error);
  CHECK_THROWS_WITH_AS(
      group_norm(x, gamma, gamma, {.groups = 4}),
      "[group_norm] expected groups that divide the 6 channels of x = (2,4,4,6), got 4", Error);
  CHECK_THROWS_WITH_AS(
      group_norm(x, gamma, gamma, {.groups = 0}),
      "[group_norm] expected groups that divide the 6 channels of x = (2,4,4,6), got 0", Error);
  CHECK_THROWS_WITH_AS(group_norm(x, gamma, Variable(zeros({5})), {.groups = 2}),
                       "[group_norm] x (N,...,C) = (2,4,4,6) expects gamma and beta of shape (6), "
                       "got (6) and (5)",
                       Error);
}

TEST_CASE("errors: softmax and attention") {
  CHECK_THROWS_WITH_AS(softmax(Variable(Tensor::scalar(1))),
                       "[softmax] expected a last axis that is not empty, got ()", Error);
  const Variable q = zeros({2, 5, 6}), k = zeros({2, 7, 6});
  CHECK_THROWS_WITH_AS(
      attention(Variable(zeros({5, 6})), k, k, 1),
      "[attention] expected q (N,T,C) and k, v (N,S,C), got (5,6), (2,7,6) and (2,7,6)", Error);
  CHECK_THROWS_WITH_AS(attention(q, k, q, 1),
                       "[attention] q (N,T,C) = (2,5,6) does not fit k (N,S,C) = (2,7,6) and "
                       "v (N,S,C) = (2,5,6)",
                       Error);
  CHECK_THROWS_AS(attention(q, Variable(zeros({1, 7, 6})), Variable(zeros({1, 7, 6})), 1), Error);
  CHECK_THROWS_AS(attention(q, Variable(zeros({2, 7, 5})), Variable(zeros({2, 7, 5})), 1), Error);
  CHECK_THROWS_WITH_AS(
      attention(q, k, k, 4),
      "[attention] expected heads that divide the 6 channels of q = (2,5,6), got 4", Error);
  CHECK_THROWS_AS(attention(q, k, k, 0), Error);
  const Variable nothing = zeros({2, 0, 6});
  CHECK_THROWS_WITH_AS(attention(q, nothing, nothing, 2),
                       "[attention] expected at least one key, got k = (2,0,6)", Error);
}

TEST_CASE("errors: upsampling, embedding, dropout, loss") {
  const Variable x = zeros({2, 3});
  CHECK_THROWS_WITH_AS(
      upsample_nearest(x),
      "[upsample_nearest] expected x (N,H,W,C) and a factor of at least 1, got (2,3) and 2", Error);
  CHECK_THROWS_WITH_AS(upsample_nearest(Variable(zeros({1, 2, 2, 1})), 0),
                       "[upsample_nearest] expected x (N,H,W,C) and a factor of at least 1, got "
                       "(1,2,2,1) and 0",
                       Error);
  const Variable image = zeros({1, 2, 3, 4});
  CHECK_THROWS_WITH_AS(
      upsample_conv2d(image, Variable(zeros({5, 3, 3, 2}))),
      "[upsample_conv2d] expected x (N,H,W,C) and the weight (O,3,3,C), got (1,2,3,4) and "
      "(5,3,3,2)",
      Error);
  CHECK_THROWS_AS(upsample_conv2d(image, Variable(zeros({5, 1, 1, 4}))), Error);
  CHECK_THROWS_AS(upsample_conv2d(x, Variable(zeros({5, 3, 3, 4}))), Error);
  CHECK_THROWS_WITH_AS(upsample_conv2d(image, Variable(zeros({5, 3, 3, 4})), Variable(zeros({4}))),
                       "[upsample_conv2d] expected the bias to have the shape (5), got (4)", Error);
  CHECK_THROWS_WITH_AS(embedding(Variable(zeros({3})), zeros({1})),
                       "[embedding] expected a table (rows,width), got (3)", Error);
  CHECK_THROWS_WITH_AS(embedding(x, Tensor::full({1}, 2)),
                       "[gather] expected whole indices from 0 to 1, got 2", Error);
  CHECK_THROWS_WITH_AS(dropout(x, 1, zeros({2, 3})),
                       "[dropout] expected a probability p with 0 <= p < 1, got 1", Error);
  CHECK_THROWS_WITH_AS(dropout(x, Real(-0.5), zeros({2, 3})),
                       "[dropout] expected a probability p with 0 <= p < 1, got -0.5", Error);
  CHECK_THROWS_WITH_AS(dropout(x, Real(0.5), zeros({3, 2})),
                       "[dropout] expected uniform numbers of x's shape (2,3), got (3,2)", Error);
  CHECK_THROWS_WITH_AS(mse(x, Variable(zeros({3, 2}))),
                       "[mse] expected two values of one shape, got (2,3) and (3,2)", Error);
}

TEST_CASE("derivatives where they jump: the middle, or one side, as the header says") {
  CHECK(slope([](const Variable& x) { return abs(x); }, {-1, 0, 1}) == Values{-1, 0, 1});
  CHECK(slope([](const Variable& x) { return relu(x); }, {-1, 0, 1}) == Values{0, 0, 1});
  CHECK(slope([](const Variable& x) { return clamp(x, -1, 1); }, {-2, -1, 0, 1, 2}) ==
        Values{0, 1, 1, 1, 0});
  // Elements that share a maximum share its gradient.
  CHECK(slope([](const Variable& x) { return max(x); }, {1, 3, 3, 2}) == Values{0, 0.5, 0.5, 0});
}

TEST_CASE("empty batches pass through every layer") {
  const Variable x(zeros({0, 4, 4, 6}), true), weight(zeros({2, 3, 3, 6}), true);
  const Variable gamma(Tensor::ones({6}), true);
  const Variable y = conv2d(group_norm(x, gamma, gamma, {.groups = 3, .silu = true}), weight,
                            {.stride = 1, .padding = 1});
  CHECK(y.shape() == Shape{0, 4, 4, 2});
  CHECK(upsample_nearest(x).shape() == Shape{0, 8, 8, 6});
  const Variable doubled = upsample_conv2d(x, weight), narrow(zeros({1, 3, 3, 6}), true);
  CHECK(doubled.shape() == Shape{0, 8, 8, 2});
  sum(doubled).backward();
  CHECK(equal(weight.gradient(), zeros({2, 3, 3, 6})));
  sum(conv2d(x, narrow)).backward();
  CHECK(equal(narrow.gradient(), zeros({1, 3, 3, 6})));
  const Variable tokens = reshape(x, {0, 16, 6});
  CHECK(attention(tokens, tokens, tokens, 2).shape() == Shape{0, 16, 6});
  CHECK(linear(tokens, Variable(zeros({5, 6}))).shape() == Shape{0, 16, 5});
  sum(y).backward();
  CHECK(equal(weight.gradient(), zeros({2, 3, 3, 6})));
  CHECK(equal(gamma.gradient(), zeros({6})));
}

}  // namespace ink
