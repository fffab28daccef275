// Values that PyTorch and diffusers computed (see tests/reference/README.md).
#pragma once

#include <string>

#include "io/safetensors.h"
#include "nn/parameter.h"

namespace ink::test {

// The tensors of tests/reference/<file>.safetensors, or those of one case in it.
class Reference {
 public:
  explicit Reference(const std::string& file, std::string the_case = "");
  // The tensor as it is stored, in PyTorch's order of axes.
  const Tensor& stored(const std::string& name) const;
  // The same with images and convolution weights (all that has four axes) as they are here:
  // (N,C,H,W) -> (N,H,W,C), (O,I,KH,KW) -> (O,KH,KW,I).
  Tensor at(const std::string& name) const;
  // A stored scalar.
  double number(const std::string& name) const { return static_cast<double>(stored(name).item()); }

  // Gives every parameter the stored value of its name.
  void load_into(nn::Parameters& parameters) const;
  // The stored gradients of all parameters, "d" + name, laid out as parameters.gradients().
  Tensor gradients(const nn::Parameters& parameters) const;

 private:
  NamedTensors tensors_;
  std::string case_;
};

}  // namespace ink::test
