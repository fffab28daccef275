// The whole UNet: against diffusers, its parameters, its start, what it refuses.
#include "diffusion/unet.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/support/module_checks.h"
#include "tests/support/tiny_unet.h"
#include "tests/test_io_support.h"

namespace ink::test {
namespace {

// The names and shapes of a preset's parameters in tests/reference/unet_names.txt, shapes in
// PyTorch's order.
std::map<std::string, Shape> torch_names(const std::string& preset) {
  std::ifstream file(std::filesystem::path(INK_SOURCE_DIR) / "tests/reference/unet_names.txt");
  std::map<std::string, Shape> names;
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string of_preset, name;
    words >> of_preset >> name;
    std::vector<Index> sizes;
    for (Index size = 0; words >> size;) sizes.push_back(size);
    if (of_preset == preset) names[name] = Shape(sizes);
  }
  return names;
}

std::map<std::string, Shape> names_of(const nn::Parameters& parameters) {
  std::map<std::string, Shape> names;
  for (const nn::Parameter& parameter : parameters.list()) {
    const Shape& s = parameter.shape();
    names[parameter.name()] = s.axes() == 4 ? Shape{s[0], s[3], s[1], s[2]} : s;
  }
  return names;
}

}  // namespace

TEST_CASE("torch: the whole UNet and all its gradients") {
  const Reference reference("unet");
  nn::Parameters parameters;
  const UNet unet(nn::Scope(parameters), tiny_config());
  CHECK(parameters.count() == 42305);
  const Tensor t = reference.stored("t") + Real(1);  // diffusers counts from 0
  check_against_torch(reference, parameters, [&](const Variable& x) { return unet(x, t); });
}

TEST_CASE("torch: a UNet whose channels fill vectors, as the presets' do") {
  const Reference reference("unet_wide");
  nn::Parameters parameters;
  const UNet unet(nn::Scope(parameters), wide_config());
  const Tensor t = reference.stored("t") + Real(1);
  check_against_torch(reference, parameters, [&](const Variable& x) { return unet(x, t); });
}

TEST_CASE("torch: the whole UNet with classes, attention at the first level and oblong images") {
  const Reference reference("unet_class");
  nn::Parameters parameters;
  const UNet unet(nn::Scope(parameters), tiny_class_config());
  const Tensor t = reference.stored("t") + Real(1), labels = reference.stored("labels");
  check_against_torch(reference, parameters, [&](const Variable& x) { return unet(x, t, labels); });
}

TEST_CASE("unet: the presets have diffusers' parameters") {
  for (const std::string preset : {"small", "base"}) {
    CAPTURE(preset);
    nn::Parameters parameters;
    const UNet unet(nn::Scope(parameters), UNetConfig::preset(preset));
    CHECK(parameters.count() == (preset == "small" ? 989'217 : 3'939'393));
    const auto ours = names_of(parameters), theirs = torch_names(preset);
    CHECK(ours.size() == parameters.list().size());
    CHECK(ours.size() == theirs.size());
    for (const auto& parameter : theirs) {
      CAPTURE(parameter.first);
      REQUIRE(ours.contains(parameter.first));
      CHECK(ours.at(parameter.first) == parameter.second);
    }
  }
}

TEST_CASE("unet: its first output is zero, and only the last layer has a gradient then") {
  const Model model(tiny_config());
  Random random(2);
  const Tensor x = random.normal({2, 12, 12, 1}), t = Tensor::from({1, 1000}, {2});
  const Variable y = model.unet(x, t);
  CHECK(y.shape() == x.shape());
  CHECK(equal(map(Abs{}, y.value()), Tensor::zeros(x.shape())));
  y.backward(random.normal(x.shape()));
  for (const nn::Parameter& parameter : model.parameters.list()) {
    const Tensor dw = nn::Parameters::view(model.parameters.gradients(), parameter);
    const bool is_zero = max(map(Abs{}, dw)).item() == 0;
    CAPTURE(parameter.name());
    CHECK(is_zero == !parameter.name().starts_with("conv_out."));
  }
}

TEST_CASE("unet: each image's result depends on its own pixels, time and label alone") {
  const Reference reference("unet_class");
  Model model(tiny_class_config());
  reference.load_into(model.parameters);
  const NoGrad no_grad;
  const Tensor x = reference.at("x"), t = reference.stored("t"),
               labels = reference.stored("labels");
  const Tensor all = model.unet(x, t, labels).value();
  for (Index i = 0; i < 3; ++i) {
    const auto part = [i](const Tensor& batch) { return batch.slice(0, i, i + 1); };
    CHECK(equal(model.unet(part(x), part(t), part(labels)).value(), part(all)));
  }
  CHECK_FALSE(equal(model.unet(x, t - Real(1), labels).value(), all));
  CHECK_FALSE(equal(model.unet(x, t, labels + Real(1)).value(), all));
  CHECK(model.unet.config() == tiny_class_config());
}

TEST_CASE("unet: takes any size that can be halved") {
  const Model model(tiny_config());
  const NoGrad no_grad;
  const Tensor t = Tensor::from({5}, {1});
  CHECK(model.unet(Tensor::zeros({1, 4, 8, 1}), t).shape() == Shape{1, 4, 8, 1});
  CHECK(model.unet(Tensor::zeros({1, 20, 16, 1}), t).shape() == Shape{1, 20, 16, 1});
}

TEST_CASE("unet: mistakes are named") {
  const Model model(tiny_config()), with_classes(tiny_class_config());
  const Tensor x = Tensor::zeros({2, 12, 12, 1}), t = Tensor::ones({2}), rgb({2, 6, 6, 3});
  check_parts(error_of([&] {
                model.unet(Tensor::zeros({2, 14, 12, 1}), t);
              }),
              {"[unet]", "multiples of 4", "(2,14,12,1)"});
  check_parts(error_of([&] { model.unet(rgb, t); }), {"[unet]", "(N,H,W,1)", "(2,6,6,3)"});
  check_parts(error_of([&] { model.unet(x.squeeze(3), t); }), {"[unet]", "(2,12,12)"});
  check_parts(error_of([&] { model.unet(x, Tensor::ones({3})); }), {"2 images", "(3)"});
  check_parts(error_of([&] { model.unet(x, t, t); }), {"0 classes", "were given"});
  check_parts(error_of([&] { with_classes.unet(rgb, t); }), {"10 classes", "not given"});
  check_parts(error_of([&] { with_classes.unet(rgb, t, Tensor::full({2}, 10)); }),
              {"from 0 to 9", "10"});
  UNetConfig bad = tiny_config();
  bad.groups = 3;
  nn::Parameters parameters;
  check_parts(error_of([&] { UNet(nn::Scope(parameters), bad); }), {"[unet]", "groups"});
}

}  // namespace ink::test
