#include "nn/summary.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace ink::nn {
namespace {

std::vector<const Node*> nodes_in_order(const Variable& output) {
  std::vector<const Node*> nodes;
  std::unordered_set<const Node*> seen;
  if (output.node() != nullptr) nodes.push_back(output.node().get());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const auto& input : nodes[i]->inputs) {
      if (input != nullptr && seen.insert(input.get()).second) nodes.push_back(input.get());
    }
  }
  std::sort(nodes.begin(), nodes.end(), [](const Node* a, const Node* b) { return a->id < b->id; });
  return nodes;
}

// Multiply-adds count 2. A weight's elements for one output channel are the length of its dot
// products.
double forward_flops(const Node& node) {
  const std::string op = node.op;
  const auto count = [](const Shape& shape) { return static_cast<double>(shape.count()); };
  if (op == "conv2d" || op == "linear" || op == "norm_conv2d" || op == "upsample_conv2d") {
    const Shape& weight = node.inputs[op == "norm_conv2d" ? 4 : 1]->shape;
    return 2 * count(node.shape) * count(weight) / static_cast<double>(weight[0]);
  }
  if (op == "attention") {  // q k^T and p v
    return 4 * count(node.shape) * static_cast<double>(node.inputs[1]->shape[1]);
  }
  if (op == "matmul" && node.inputs[0] != nullptr) {
    return 2 * count(node.shape) * static_cast<double>(node.inputs[0]->shape.back());
  }
  return 0;
}

}  // namespace

std::vector<LayerSummary> summarize(const Variable& output, const Parameters& parameters) {
  std::unordered_map<const Node*, const Parameter*> owner;
  for (const Parameter& parameter : parameters.list()) {
    owner[parameter.variable().node().get()] = &parameter;
  }
  std::vector<LayerSummary> layers;
  for (const Node* node : nodes_in_order(output)) {
    LayerSummary layer{"", node->op, node->shape, 0, node->is_leaf ? 0 : forward_flops(*node)};
    for (const auto& input : node->inputs) {
      const auto found = owner.find(input.get());
      if (input == nullptr || found == owner.end()) continue;
      const std::string& name = found->second->name();
      layer.name = name.substr(0, name.rfind('.'));
      layer.parameters += found->second->shape().count();
    }
    if (layer.parameters > 0 || layer.flops > 0) layers.push_back(layer);
  }
  return layers;
}

std::string summary_table(const std::vector<LayerSummary>& layers) {
  std::string table = fmt::format("{:<44} {:<16} {:<16} {:>12} {:>10}\n", "layer", "op", "output",
                                  "parameters", "MFLOP");
  Index parameters = 0;
  double flops = 0;
  for (const LayerSummary& layer : layers) {
    table += fmt::format("{:<44} {:<16} {:<16} {:>12} {:>10.3f}\n", layer.name, layer.op,
                         layer.output.to_string(), layer.parameters, layer.flops / 1e6);
    parameters += layer.parameters;
    flops += layer.flops;
  }
  return table + fmt::format("{:<78} {:>12} {:>10.3f}\n", "total", parameters, flops / 1e6);
}

}  // namespace ink::nn
