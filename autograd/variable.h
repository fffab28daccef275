// Reverse-mode differentiation: a tensor that remembers how it was made.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace ink {

// The vector-Jacobian product of an op: from the gradient of its output, the gradients of its
// inputs, in order. An undefined tensor stands for "no gradient" (of a constant input). It is a
// pure function: the engine accumulates. (AD.2)
using Vjp = std::function<Tensors(const Tensor& dy)>;
// One that adds while it writes: the gradients of its first inputs are to contain what those have
// `so_far` from other ops (undefined: nothing).
using AddingVjp = std::function<Tensors(const Tensor& dy, const Tensors& so_far)>;

// One entry of the tape: an op, or a leaf whose gradient is wanted.
struct Node {
  Node(const char* op_name, const Shape& value_shape);
  ~Node();  // takes a chain of any length apart in a loop
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Ids grow in the order of creation, which is a topological order of the graph. (AD.3)
  std::uint64_t id;
  const char* op;
  Shape shape;
  std::vector<std::shared_ptr<Node>> inputs;  // null for an input without a gradient
  AddingVjp vjp;                              // empty for a leaf, and once it has run
  std::size_t adds = 0;                       // to how many inputs' gradients the VJP adds
  bool is_leaf = false;
  bool is_pending = false;  // waits in the backward loop: to be visited, a leaf for its sum
  Tensor gradient;          // of a leaf: accumulates over backward passes; else only during one
};

class Variable {
 public:
  Variable() = default;
  // A constant, by default; a leaf of the graph when its gradient is wanted.
  Variable(Tensor value, bool requires_grad = false);  // NOLINT: implicit, so that ops take tensors
  // A leaf that adds its gradients into `gradient`, a tensor of the same shape which the caller
  // zeroes and no other leaf adds to.
  static Variable leaf(Tensor value, Tensor gradient);

  bool defined() const { return value_.defined(); }
  const Tensor& value() const { return value_; }
  Tensor& mutable_value() { return value_; }
  const Shape& shape() const { return value_.shape(); }
  Index size(int axis) const { return value_.size(axis); }
  int axes() const { return value_.axes(); }
  Index count() const { return value_.count(); }
  Real item() const { return value_.item(); }
  Device device() const { return value_.device(); }

  bool requires_grad() const { return node_ != nullptr; }
  const std::shared_ptr<Node>& node() const { return node_; }
  // The accumulated gradient of a leaf; undefined before the first backward pass reaches it.
  const Tensor& gradient() const;
  void zero_gradient();
  // The same value as a constant.
  Variable detach() const { return Variable(value_); }

  // Adds d(this)/d(leaf) to the gradient of every leaf that this depends on. (AD.1)
  // Without a seed this must have one element. The graph is freed on the way: a second pass over it
  // throws Error.
  void backward() const;
  void backward(const Tensor& seed) const;

 private:
  friend Variable record(const char*, Tensor, std::vector<Variable>, AddingVjp, std::size_t);

  Tensor value_;
  std::shared_ptr<Node> node_;
};

// The output of an op: `value`, with its entry on the tape when an input requires a gradient and
// recording is on. This is the only door to the tape. An AddingVjp sees the gradients so far of its
// first `adds` inputs.
Variable record(const char* op, Tensor value, std::vector<Variable> inputs, AddingVjp vjp,
                std::size_t adds = 1);
Variable record(const char* op, Tensor value, std::vector<Variable> inputs, Vjp vjp);

// Where an AddingVjp may write the sum: `so_far` itself where no one else sees it, else new memory.
Tensor sum_place(const Tensor& so_far, const Shape& shape, Device device);

// A tensor that a VJP needs again. Reading it back throws Error, naming op and tensor, if its
// storage was written to since.
class Saved {
 public:
  Saved(Tensor tensor, const char* name);
  const Tensor& get() const;
  operator const Tensor&() const { return get(); }  // NOLINT: reads as the tensor it holds

 private:
  Tensor tensor_;
  const char* name_;
  std::uint64_t version_;
};

// While one lives, ops on this thread record nothing.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool previous_;
};
bool grad_enabled();

// The tape below `root`: one line per node, latest first ("#7 silu (2,3) <- #5"), or a graph for
// Graphviz dot.
std::string print_graph(const Variable& root);
std::string print_graph_dot(const Variable& root);

}  // namespace ink
