#include "nn/parameter.h"

#include <algorithm>

#include "tensor/check.h"

namespace ink::nn {

Parameter Parameters::add(const std::string& name, const Shape& shape, Initializer initializer) {
  check(!values_.defined(), "parameters", "expected {} to be added before allocate()", name);
  const bool taken = std::any_of(list_.begin(), list_.end(),
                                 [&](const Parameter& other) { return other.name() == name; });
  check(!taken, "parameters", "the name {} is given to two parameters", name);
  Parameter parameter;
  parameter.entry_ = std::make_shared<Parameter::Entry>();
  *parameter.entry_ = {name, shape, std::move(initializer), count_, Variable()};
  count_ += shape.count();
  list_.push_back(parameter);
  return parameter;
}

void Parameters::allocate(Random random, Device device) {
  values_ = Tensor({count_}, device);
  gradients_ = Tensor::zeros({count_}, device);
  for (Parameter& parameter : list_) {
    Tensor value = view(values_, parameter);
    value.copy_(parameter.entry_->initializer(random, parameter.shape()).to(device));
    parameter.entry_->variable = Variable::leaf(value, view(gradients_, parameter));
  }
}

const Parameter& Parameters::find(const std::string& name) const {
  const auto found = std::find_if(list_.begin(), list_.end(),
                                  [&](const Parameter& p) { return p.name() == name; });
  check(found != list_.end(), "parameters", "there is no parameter {} among the {} of this model",
        name, list_.size());
  return *found;
}

Tensor Parameters::view(const Tensor& flat, const Parameter& parameter) {
  const Index first = parameter.offset();
  return flat.slice(0, first, first + parameter.shape().count()).reshape(parameter.shape());
}

Scope Scope::operator/(const std::string& name) const {
  return Scope(*parameters_, path_ + name + ".");
}

Parameter Scope::parameter(const std::string& name, const Shape& shape,
                           Initializer initializer) const {
  return parameters_->add(path_ + name, shape, std::move(initializer));
}

}  // namespace ink::nn
