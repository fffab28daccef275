// Ops that stand in no layer of their own, against the values and gradients of PyTorch. Linear,
// convolution, norms, embeddings and blocks: test_nn_blocks.cpp.
#include <cmath>
#include <functional>

#include "autograd/ops.h"
#include "tests/support/close.h"
#include "tests/support/reference.h"

namespace ink::test {
namespace {

// y = op(inputs) and the gradient of each input, which is stored as "d" + its name. `read` takes a
// stored tensor to the library's order of axes.
using Read = std::function<Tensor(const Reference&, const std::string&)>;

void check_op(const Reference& reference, const std::vector<std::string>& names,
              const std::function<Variable(const std::vector<Variable>&)>& op, const Read& read) {
  std::vector<Variable> inputs;
  for (const std::string& name : names) inputs.emplace_back(read(reference, name), true);
  const Variable y = op(inputs);
  check_close(y.value(), read(reference, "y"), kAgainstTorch, "y");
  y.backward(read(reference, "dy"));
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string gradient = "d" + names[i];
    check_close(inputs[i].gradient(), read(reference, gradient), kAgainstTorch, gradient);
  }
}

Tensor as_stored(const Reference& reference, const std::string& name) {
  return reference.stored(name);
}

// (N, heads, T, D) as PyTorch has it, (N, T, heads D) as it is here.
Tensor heads_last(const Reference& reference, const std::string& name) {
  const Tensor x = reference.stored(name).permute({0, 2, 1, 3});
  return x.reshape({x.size(0), x.size(1), -1});
}

}  // namespace

TEST_CASE("torch: silu (ACT.3) (ACT.4)") {
  check_op(
      Reference("silu"), {"x"}, [](const auto& in) { return silu(in[0]); }, as_stored);
}

TEST_CASE("torch: softmax (ACT.5) (ACT.6)") {
  for (const std::string name : {"rows", "wide"}) {
    CAPTURE(name);
    check_op(
        Reference("softmax", name), {"x"}, [](const auto& in) { return softmax(in[0]); },
        as_stored);
  }
}

TEST_CASE("torch: softmax of scores up to 86 (ACT.5) (ACT.6)") {
  const Reference reference("softmax", "large");
  const Variable x(reference.stored("x"), true);
  const Variable y = softmax(x);
  check_close(y.value(), reference.stored("y"), kAgainstTorch, "y");
  // One score of each row takes nearly all, and dx = y (dy - <dy, y>) is what is left of a
  // difference that cancels to 1e-5: its error is a rounding of dy.
  y.backward(reference.stored("dy"));
  const double largest_dy = std::sqrt(max(square(reference.stored("dy"))).item());
  const Tensor error = square(x.gradient() - reference.stored("dx"));
  check_near(std::sqrt(max(error).item()), 0, 4 * kEpsilonOfReal * largest_dy, "dx");
}

TEST_CASE("torch: mse") {
  const Reference reference("mse");
  const Tensor target = reference.stored("target");
  check_op(
      reference, {"x"}, [&](const auto& in) { return mse(in[0], target); }, as_stored);
}

TEST_CASE("torch: attention (ATT.1) (ATT.5)") {
  for (const std::string name : {"sdpa_t49", "sdpa_t33"}) {
    CAPTURE(name);
    const Reference reference("attention", name);
    const Index heads = reference.stored("q").size(1);
    check_op(
        reference, {"q", "k", "v"},
        [&](const auto& in) { return attention(in[0], in[1], in[2], heads); }, heads_last);
  }
}

TEST_CASE("torch: upsample_nearest (CONV.5) (CONV.6)") {
  check_op(
      Reference("upsample", "nearest"), {"x"},
      [](const auto& in) { return upsample_nearest(in[0]); },
      [](const Reference& reference, const std::string& name) { return reference.at(name); });
}

}  // namespace ink::test
