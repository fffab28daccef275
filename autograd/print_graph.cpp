#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "autograd/variable.h"

namespace ink {
namespace {

// All nodes that `root` depends on, latest first.
std::vector<const Node*> nodes_below(const Variable& root) {
  std::vector<const Node*> nodes;
  if (root.node() == nullptr) return nodes;
  std::unordered_set<const Node*> seen{root.node().get()};
  nodes.push_back(root.node().get());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const auto& input : nodes[i]->inputs) {
      if (input != nullptr && seen.insert(input.get()).second) nodes.push_back(input.get());
    }
  }
  std::sort(nodes.begin(), nodes.end(), [](const Node* a, const Node* b) { return a->id > b->id; });
  return nodes;
}

}  // namespace

std::string print_graph(const Variable& root) {
  std::string text;
  for (const Node* node : nodes_below(root)) {
    text += fmt::format("#{} {} {}", node->id, node->op, node->shape);
    if (!node->inputs.empty()) text += " <-";
    for (const auto& input : node->inputs) {
      text += input == nullptr ? " constant" : fmt::format(" #{}", input->id);
    }
    text += '\n';
  }
  return text;
}

std::string print_graph_dot(const Variable& root) {
  std::string text = "digraph tape {\n  node [shape=box, fontname=\"sans-serif\"];\n";
  for (const Node* node : nodes_below(root)) {
    text += fmt::format("  n{} [label=\"{}\\n{}\"{}];\n", node->id, node->op, node->shape,
                        node->is_leaf ? ", style=rounded" : "");
    for (const auto& input : node->inputs) {
      if (input != nullptr) text += fmt::format("  n{} -> n{};\n", input->id, node->id);
    }
  }
  return text + "}\n";
}

}  // namespace ink
