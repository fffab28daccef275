#include "tests/support/reference.h"

#include <filesystem>
#include <utility>

namespace ink::test {

Reference::Reference(const std::string& file, std::string the_case)
    : tensors_(read_safetensors(std::filesystem::path(INK_SOURCE_DIR) / "tests/reference" /
                                (file + ".safetensors"))),
      case_(std::move(the_case)) {}

const Tensor& Reference::stored(const std::string& name) const {
  return tensors_.at(case_.empty() ? name : case_ + "." + name);
}

Tensor Reference::at(const std::string& name) const {
  const Tensor& tensor = stored(name);
  return tensor.axes() == 4 ? tensor.permute({0, 2, 3, 1}).contiguous() : tensor;
}

void Reference::load_into(nn::Parameters& parameters) const {
  for (const nn::Parameter& parameter : parameters.list()) {
    nn::Parameters::view(parameters.values(), parameter).copy_(at(parameter.name()));
  }
}

Tensor Reference::gradients(const nn::Parameters& parameters) const {
  const Tensor flat({parameters.count()});
  for (const nn::Parameter& parameter : parameters.list()) {
    nn::Parameters::view(flat, parameter).copy_(at("d" + parameter.name()));
  }
  return flat;
}

}  // namespace ink::test
