// Parameters: named, and all in one flat buffer.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "autograd/variable.h"
#include "tensor/random.h"

namespace ink::nn {

// Draws a parameter's first values.
using Initializer = std::function<Tensor(Random& random, const Shape& shape)>;

// A handle to one parameter: a view of the flat value buffer whose gradient is a view of the flat
// gradient buffer. It reads as the Variable that ops take.
class Parameter {
 public:
  const std::string& name() const { return entry_->name; }
  const Shape& shape() const { return entry_->shape; }
  const Variable& variable() const { return entry_->variable; }
  operator const Variable&() const { return entry_->variable; }  // NOLINT: reads as its Variable
  // The position of its first element in the flat buffers.
  Index offset() const { return entry_->offset; }

 private:
  friend class Parameters;
  struct Entry {
    std::string name;
    Shape shape;
    Initializer initializer;
    Index offset;
    Variable variable;
  };
  std::shared_ptr<Entry> entry_;
};

// All parameters of a model. Modules add theirs while they are built; allocate() then lays them
// into one flat buffer, in that order, so that optimiser, EMA, clipping and checkpoints are each
// one pass over one array.
class Parameters {
 public:
  // Throws Error when the name is taken or the buffer is already allocated.
  Parameter add(const std::string& name, const Shape& shape, Initializer initializer);
  // Makes the buffers and draws the first values.
  void allocate(Random random, Device device = Device::cpu);

  const std::vector<Parameter>& list() const { return list_; }
  // Throws Error when there is none of that name.
  const Parameter& find(const std::string& name) const;
  // The number of elements of all parameters.
  Index count() const { return count_; }
  // The flat buffers, (count()).
  Tensor& values() { return values_; }
  const Tensor& values() const { return values_; }
  Tensor& gradients() { return gradients_; }
  const Tensor& gradients() const { return gradients_; }
  void zero_gradients() { gradients_.fill_(0); }
  // The parameter's part of any flat buffer laid out as values(), in its own shape.
  static Tensor view(const Tensor& flat, const Parameter& parameter);

 private:
  std::vector<Parameter> list_;
  Index count_ = 0;
  Tensor values_, gradients_;
};

// Where in the tree of modules a parameter is made: scope / "down_blocks" / 0 names
// "down_blocks.0.".
class Scope {
 public:
  explicit Scope(Parameters& parameters, std::string path = "")
      : parameters_(&parameters), path_(std::move(path)) {}
  Scope operator/(const std::string& name) const;
  Scope operator/(Index position) const { return *this / std::to_string(position); }
  Parameter parameter(const std::string& name, const Shape& shape, Initializer initializer) const;

 private:
  Parameters* parameters_;
  std::string path_;
};

// ---- init.cpp --------------------------------------------------------------------------------

Initializer zeros();
Initializer ones();
Initializer normal(Real deviation = 1);
// U(-1/sqrt(fan_in), 1/sqrt(fan_in)): PyTorch's default for weights and biases of linear and
// convolution layers (Kaiming uniform with a = sqrt 5).
Initializer uniform_fan_in(Index fan_in);

}  // namespace ink::nn
