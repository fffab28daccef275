// Parameters in files: every bit comes back, in PyTorch's order of axes, and mistakes are named.
#include "nn/checkpoint.h"

#include "tests/support/close.h"
#include "tests/support/reference.h"
#include "tests/support/tiny_unet.h"
#include "tests/test_io_support.h"

namespace ink::test {
namespace {

NamedTensors saved(const Model& model) {
  NamedTensors file;
  nn::save_parameters(file, model.parameters, model.parameters.values());
  return file;
}

std::string load_error(const NamedTensors& file, Model& model) {
  return error_of([&] { nn::load_parameters(file, model.parameters, model.parameters.values()); });
}

}  // namespace

TEST_CASE("checkpoint: what is written is read back bit by bit") {
  const TemporaryDirectory folder;
  Model model(tiny_class_config(), 1), other(tiny_class_config(), 2);
  const Tensor average = Random(3).normal({model.parameters.count()});
  NamedTensors file = saved(model);
  nn::save_parameters(file, model.parameters, average, "average.");
  write_safetensors(folder / "model.safetensors", file);

  const NamedTensors read = read_safetensors(folder / "model.safetensors");
  CHECK(read.tensors.size() == 2 * model.parameters.list().size());
  Tensor loaded({other.parameters.count()});
  nn::load_parameters(read, other.parameters, loaded, "average.");
  CHECK(equal(loaded, average));

  write_safetensors(folder / "model.safetensors", saved(model));
  CHECK_FALSE(equal(other.parameters.values(), model.parameters.values()));
  nn::load_parameters(read_safetensors(folder / "model.safetensors"), other.parameters,
                      other.parameters.values());
  CHECK(equal(other.parameters.values(), model.parameters.values()));
  // The layers see the loaded values.
  CHECK(equal(other.parameters.find("conv_in.weight").variable().value(),
              model.parameters.find("conv_in.weight").variable().value()));
}

TEST_CASE("checkpoint: convolution weights have PyTorch's order, others stay as they are") {
  nn::Parameters parameters;
  const nn::Conv2d conv(nn::Scope(parameters, "conv."), 3, 2, 3);
  const nn::Linear linear(nn::Scope(parameters, "linear."), 3, 2);
  parameters.allocate(Random(1));
  NamedTensors file;
  nn::save_parameters(file, parameters, parameters.values());
  const Tensor& weight = file.at("conv.weight");
  CHECK(weight.shape() == Shape{2, 3, 3, 3});
  const Tensor ours = conv.weight.variable().value();
  for (Index o = 0; o < 2; ++o) {
    for (Index c = 0; c < 3; ++c) {
      for (Index h = 0; h < 3; ++h) {
        for (Index w = 0; w < 3; ++w) CHECK(weight.at({o, c, h, w}) == ours.at({o, h, w, c}));
      }
    }
  }
  CHECK(equal(file.at("linear.weight"), linear.weight.variable().value()));
}

TEST_CASE("checkpoint: loads what PyTorch has written") {
  const Reference reference("unet");
  Model model(tiny_config()), expected(tiny_config());
  reference.load_into(expected.parameters);
  NamedTensors file;
  for (const nn::Parameter& parameter : model.parameters.list()) {
    file.add(parameter.name(), reference.stored(parameter.name()));
  }
  nn::load_parameters(file, model.parameters, model.parameters.values());
  CHECK(equal(model.parameters.values(), expected.parameters.values()));
}

TEST_CASE("checkpoint: a missing, an extra and a mis-shaped tensor are named") {
  Model model(tiny_config());
  const NamedTensors file = saved(model);

  NamedTensors without = file;
  std::erase_if(without.tensors, [](const auto& entry) { return entry.first == "conv_out.bias"; });
  check_parts(load_error(without, model), {"[checkpoint]", "conv_out.bias", "does not have"});

  NamedTensors with = file;
  with.add("class_embedding.weight", Tensor::zeros({10, 16}));
  check_parts(load_error(with, model),
              {"[checkpoint]", "class_embedding.weight", "(10,16)", "no place"});
  nn::save_parameters(with, model.parameters, model.parameters.values(), "average.");
  Tensor flat({model.parameters.count()});
  nn::load_parameters(with, model.parameters, flat, "average.");  // beside others under a prefix
  check_parts(error_of([&] { nn::load_parameters(with, model.parameters, flat, "moment."); }),
              {"moment.conv_in.weight"});

  NamedTensors other = file;
  for (auto& [name, tensor] : other.tensors) {
    if (name == "conv_in.weight") tensor = Tensor::zeros({4, 3, 3, 3});
  }
  check_parts(load_error(other, model),
              {"[checkpoint]", "conv_in.weight", "(4,3,3,3)", "(4,1,3,3)"});
}

}  // namespace ink::test
