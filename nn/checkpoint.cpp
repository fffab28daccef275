#include "nn/checkpoint.h"

#include <algorithm>

#include "tensor/check.h"

namespace ink::nn {
namespace {

// (out, kernel_h, kernel_w, in) to PyTorch's (out, in, kernel_h, kernel_w), and back. The one place
// that knows both orders.
Tensor to_torch(const Tensor& x) { return x.axes() == 4 ? x.permute({0, 3, 1, 2}) : x; }
Tensor from_torch(const Tensor& x) { return x.axes() == 4 ? x.permute({0, 2, 3, 1}) : x; }

}  // namespace

void save_parameters(NamedTensors& file, const Parameters& parameters, const Tensor& flat,
                     const std::string& prefix) {
  for (const Parameter& parameter : parameters.list()) {
    file.add(prefix + parameter.name(), to_torch(Parameters::view(flat, parameter)));
  }
}

void load_parameters(const NamedTensors& file, const Parameters& parameters, Tensor& flat,
                     const std::string& prefix) {
  for (const Parameter& parameter : parameters.list()) {
    const Tensor* stored = file.find(prefix + parameter.name());
    check(stored != nullptr, "checkpoint", "expected a tensor {}{}, which the file does not have",
          prefix, parameter.name());
    const Tensor value = from_torch(*stored);
    check(value.shape() == parameter.shape(), "checkpoint",
          "{}{} has the shape {} in the file, but this model expects {} (PyTorch's order)", prefix,
          parameter.name(), stored->shape(), to_torch(Parameters::view(flat, parameter)).shape());
    Parameters::view(flat, parameter).copy_(value.to(flat.device()));
  }
  if (!prefix.empty()) return;
  for (const auto& [name, tensor] : file.tensors) {
    const bool known = std::any_of(
        parameters.list().begin(), parameters.list().end(),
        [&name = name](const Parameter& parameter) { return parameter.name() == name; });
    check(known, "checkpoint", "the file has a tensor {} {}, for which this model has no place",
          name, tensor.shape());
  }
}

}  // namespace ink::nn
