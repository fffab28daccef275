// Graphs: very deep ones, and their drawings.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <pthread.h>

#include <functional>

#include "autograd/ops.h"
#include "tensor/ops.h"

namespace ink {
namespace {

constexpr int kDepth = 100000;

// Runs `body` on a thread with a stack of 256 KiB: a recursion over a deep graph would overflow it.
void on_small_stack(std::function<void()> body) {
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstacksize(&attributes, 256 << 10) == 0);
  pthread_t thread;
  const auto entry = [](void* function) -> void* {
    (*static_cast<std::function<void()>*>(function))();
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, entry, &body) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

}  // namespace

TEST_CASE("graph: backward through 100,000 nodes is a loop (AD.3)") {
  const Variable x(Tensor::ones({1}), true);
  on_small_stack([&x] {
    Variable y = x;
    for (int i = 0; i < kDepth; ++i) y = y + 1;
    y.backward();
  });
  CHECK(x.gradient().item() == 1);
}

TEST_CASE("graph: a ladder of 100,000 diamonds, too") {
  // Each rung adds two halves of the one below: the number of paths is 2^50000, of nodes 150,000.
  const Variable x(Tensor::ones({1}), true);
  on_small_stack([&x] {
    Variable y = x;
    for (int i = 0; i < kDepth / 2; ++i) y = y * Real(0.5) + y * Real(0.5);
    y.backward();
  });
  CHECK(x.gradient().item() == 1);
}

TEST_CASE("graph: 100,000 nodes are destroyed without recursion") {
  const std::int64_t before = allocator_stats(Device::cpu).bytes_in_use;
  const Variable x(Tensor::ones({1}), true);
  on_small_stack([&x] {
    Variable chain = x;
    for (int i = 0; i < kDepth; ++i) chain = exp(chain * 0);
  });
  on_small_stack([&x] {
    Variable ladder = x;
    for (int i = 0; i < kDepth / 2; ++i) ladder = ladder + ladder * ladder;
  });
  CHECK(allocator_stats(Device::cpu).bytes_in_use <= before + 64);
}

TEST_CASE("graph: a part that something else still needs survives the destruction") {
  const Variable x(Tensor::full({1}, 2), true);
  Variable kept;
  {
    Variable y = x;
    for (int i = 0; i < 10; ++i) {
      y = y * 2;
      if (i == 4) kept = y;
    }
  }
  kept.backward();
  CHECK(x.gradient().item() == 32);
}

TEST_CASE("print_graph: one line per node, the latest first") {
  const Variable x(Tensor::zeros({2, 3}), true);
  const Variable w(Tensor::zeros({3}), true);
  const Variable y = sum(silu(x * w) + Variable(Tensor::ones({3})));
  const std::uint64_t id = x.node()->id;
  CHECK(print_graph(y) == fmt::format("#{} sum () <- #{}\n"
                                      "#{} add (2,3) <- #{} constant\n"
                                      "#{} silu (2,3) <- #{}\n"
                                      "#{} multiply (2,3) <- #{} #{}\n"
                                      "#{} leaf (3)\n"
                                      "#{} leaf (2,3)\n",
                                      id + 5, id + 4, id + 4, id + 3, id + 3, id + 2, id + 2, id,
                                      id + 1, id + 1, id));
  CHECK(print_graph(Tensor::zeros({2})) == "");
}

TEST_CASE("print_graph: a node that is used twice is printed once") {
  const Variable x(Tensor::zeros({1}), true);
  const std::uint64_t id = x.node()->id;
  CHECK(print_graph(x * x) ==
        fmt::format("#{} multiply (1) <- #{} #{}\n#{} leaf (1)\n", id + 1, id, id, id));
}

TEST_CASE("print_graph_dot: a graph for Graphviz") {
  const Variable x(Tensor::zeros({2, 3}), true);
  const Variable y = sum(x);
  const std::uint64_t a = x.node()->id, b = y.node()->id;
  CHECK(print_graph_dot(y) == fmt::format("digraph tape {{\n"
                                          "  node [shape=box, fontname=\"sans-serif\"];\n"
                                          "  n{} [label=\"sum\\n()\"];\n"
                                          "  n{} -> n{};\n"
                                          "  n{} [label=\"leaf\\n(2,3)\", style=rounded];\n"
                                          "}}\n",
                                          b, a, b, a));
  CHECK(print_graph_dot(Tensor::zeros({2})) ==
        "digraph tape {\n  node [shape=box, fontname=\"sans-serif\"];\n}\n");
}

}  // namespace ink
