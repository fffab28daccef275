// The summary of a model: its layers, parameters and multiplications.
#include "nn/summary.h"

#include <algorithm>
#include <map>

#include "tests/support/close.h"
#include "tests/support/tiny_unet.h"

namespace ink::test {
namespace {

std::vector<nn::LayerSummary> summary_of(const UNetConfig& config) {
  const Model model(config);
  const Index size = config.image_size;
  return nn::summarize(
      model.unet(Tensor::zeros({1, size, size, config.in_channels}), Tensor::ones({1})),
      model.parameters);
}

struct Totals {
  Index parameters = 0;
  double flops = 0;
  std::map<std::string, double> flops_by_kind;  // convolutions by their kernel
};

Totals totals(const std::vector<nn::LayerSummary>& layers) {
  Totals total;
  for (const nn::LayerSummary& layer : layers) {
    const bool is_1x1 = layer.name.ends_with("conv_shortcut");
    total.parameters += layer.parameters;
    total.flops += layer.flops;
    const std::string kind = layer.op.ends_with("conv2d") ? "conv2d" : layer.op;
    total.flops_by_kind[is_1x1 ? "conv2d 1x1" : kind] += layer.flops;
  }
  return total;
}

const nn::LayerSummary& layer_named(const std::vector<nn::LayerSummary>& layers,
                                    const std::string& name) {
  const auto found = std::find_if(layers.begin(), layers.end(),
                                  [&](const auto& layer) { return layer.name == name; });
  REQUIRE(found != layers.end());
  return *found;
}

}  // namespace

TEST_CASE("summary: the presets' parameters and multiplications") {
  const Totals small = totals(summary_of(UNetConfig::small()));
  CHECK(small.parameters == 989'217);
  check_near(small.flops / 1e6, 208.0, 0.05, "small, MFLOP");
  check_near(small.flops_by_kind.at("conv2d") / 1e6, 186.5, 0.05, "small, 3x3");
  check_near(small.flops_by_kind.at("conv2d 1x1") / 1e6, 8.0, 0.05, "small, 1x1");
  check_near(small.flops_by_kind.at("linear") / 1e6, 9.7, 0.05, "small, linear");
  check_near(small.flops_by_kind.at("attention") / 1e6, 3.7, 0.05, "small, attention");

  const Totals base = totals(summary_of(UNetConfig::base()));
  CHECK(base.parameters == 3'939'393);
  check_near(base.flops / 1e6, 823.5, 0.05, "base, MFLOP");
}

TEST_CASE("summary: one entry for each layer, with its output") {
  const std::vector<nn::LayerSummary> layers = summary_of(UNetConfig::small());
  const nn::LayerSummary& conv_in = layer_named(layers, "conv_in");
  CHECK(conv_in.op == "conv2d");
  CHECK(conv_in.output == Shape{1, 28, 28, 16});
  CHECK(conv_in.parameters == 9 * 16 + 16);
  CHECK(conv_in.flops == 2 * 9 * 16 * 28 * 28);
  const nn::LayerSummary& norm = layer_named(layers, "mid_block.attentions.0.group_norm");
  CHECK(norm.op == "group_norm");
  CHECK(norm.output == Shape{1, 7, 7, 64});
  CHECK(norm.parameters == 128);
  CHECK(norm.flops == 0);
  // A convolution that normalises its input is listed by its own name, with the norm's parameters.
  const nn::LayerSummary& conv2 = layer_named(layers, "down_blocks.1.resnets.0.conv2");
  CHECK(conv2.op == "norm_conv2d");
  CHECK(conv2.output == Shape{1, 14, 14, 32});
  CHECK(conv2.parameters == 64 + 9 * 32 * 32 + 32);
  CHECK(conv2.flops == 2 * 9 * 32 * 32 * 14 * 14);
  const nn::LayerSummary& to_q = layer_named(layers, "mid_block.attentions.0.to_q");
  CHECK(to_q.output == Shape{1, 49, 64});
  CHECK(to_q.flops == 2 * 49 * 64 * 64);
  CHECK(layers.front().name == "time_embedding.linear_1");
  CHECK(layers.back().name == "conv_out");
}

TEST_CASE("summary: counts the products of matmul, and nothing of a constant") {
  nn::Parameters parameters;
  const nn::Parameter w = parameters.add("w", {3, 5}, nn::normal());
  parameters.allocate(Random(1));
  const std::vector<nn::LayerSummary> layers =
      nn::summarize(matmul(w, Tensor::ones({5, 2})) * Real(2), parameters);
  REQUIRE(layers.size() == 1);
  CHECK(layers[0].op == "matmul");
  CHECK(layers[0].parameters == 15);
  CHECK(layers[0].flops == 2 * 3 * 5 * 2);
  CHECK(nn::summarize(Tensor::ones({1}), parameters).empty());
}

TEST_CASE("summary: the table ends in the totals") {
  const std::vector<nn::LayerSummary> layers = summary_of(UNetConfig::small());
  const std::string table = nn::summary_table(layers);
  const std::string last = table.substr(table.rfind("total"));
  CHECK(last.find("989217") != std::string::npos);
  CHECK(last.find(fmt::format("{:.3f}", totals(layers).flops / 1e6)) != std::string::npos);
  CHECK(table.find("down_blocks.2.attentions.1.to_out.0") != std::string::npos);
  CHECK(table.starts_with("layer"));
}

}  // namespace ink::test
