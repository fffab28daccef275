#include "autograd/variable.h"

#include <algorithm>
#include <atomic>
#include <queue>
#include <utility>

#include "tensor/check.h"
#include "tensor/ops.h"

namespace ink {
namespace {

std::atomic<std::uint64_t> next_id{1};
thread_local bool recording = true;
thread_local const char* running_vjp = "vjp";

}  // namespace

// ---- nodes -----------------------------------------------------------------------------------

Node::Node(const char* op_name, const Shape& value_shape)
    : id(next_id.fetch_add(1, std::memory_order_relaxed)), op(op_name), shape(value_shape) {}

// A node is usually the last owner of its inputs. The outermost destructor collects what the inner
// ones would have destroyed recursively, and destroys it in a loop.
Node::~Node() {
  static thread_local std::vector<std::shared_ptr<Node>>* orphans = nullptr;
  if (orphans != nullptr) {
    std::move(inputs.begin(), inputs.end(), std::back_inserter(*orphans));
    return;
  }
  std::vector<std::shared_ptr<Node>> list = std::move(inputs);
  orphans = &list;
  while (!list.empty()) {
    const std::shared_ptr<Node> node = std::move(list.back());
    list.pop_back();
  }
  orphans = nullptr;
}

Variable::Variable(Tensor value, bool requires_grad) : value_(std::move(value)) {
  if (!requires_grad) return;
  node_ = std::make_shared<Node>("leaf", value_.shape());
  node_->is_leaf = true;
}

Variable Variable::leaf(Tensor value, Tensor gradient) {
  check(value.shape() == gradient.shape(), "leaf",
        "expected a gradient of the value's shape {}, got {}", value.shape(), gradient.shape());
  Variable variable(std::move(value), true);
  variable.node_->gradient = std::move(gradient);
  return variable;
}

const Tensor& Variable::gradient() const {
  check(node_ != nullptr && node_->is_leaf, "gradient",
        "only leaves keep a gradient; this variable of shape {} is {}", shape(),
        node_ == nullptr ? "a constant" : node_->op);
  return node_->gradient;
}

void Variable::zero_gradient() {
  if (gradient().defined()) node_->gradient.fill_(0);
}

Variable record(const char* op, Tensor value, std::vector<Variable> inputs, AddingVjp vjp,
                std::size_t adds) {
  Variable result(std::move(value));
  const bool wanted = std::any_of(inputs.begin(), inputs.end(),
                                  [](const Variable& input) { return input.requires_grad(); });
  if (!recording || !wanted) return result;
  result.node_ = std::make_shared<Node>(op, result.shape());
  for (const Variable& input : inputs) result.node_->inputs.push_back(input.node());
  result.node_->vjp = std::move(vjp);
  result.node_->adds = adds;
  return result;
}

Variable record(const char* op, Tensor value, std::vector<Variable> inputs, Vjp vjp) {
  return record(
      op, std::move(value), std::move(inputs),
      [vjp = std::move(vjp)](const Tensor& dy, const Tensors&) { return vjp(dy); }, 0);
}

Tensor sum_place(const Tensor& so_far, const Shape& shape, Device device) {
  const bool own = so_far.defined() && !so_far.is_shared() && so_far.is_contiguous();
  return own ? so_far : Tensor(shape, device);
}

// ---- backward --------------------------------------------------------------------------------

namespace {

// The gradients of leaves, which are many and often small: their sums wait, so that a kernel can
// add dozens of them.
class LeafSums {
 public:
  void add(const std::shared_ptr<Node>& leaf, const Tensor& contribution) {
    if (!leaf->gradient.defined()) {
      leaf->gradient = contribution.clone();
      return;
    }
    if (leaf->is_pending || elements_ >= kMostElements) finish();
    leaf->is_pending = true;
    leaves_.push_back(leaf);
    terms_.push_back(contribution);
    elements_ += contribution.count();
  }

  void finish() {
    std::vector<Tensor> sums;
    for (const auto& leaf : leaves_) {
      leaf->is_pending = false;
      sums.push_back(leaf->gradient);
    }
    add_each_(sums, terms_);
    leaves_.clear();
    terms_.clear();
    elements_ = 0;
  }

 private:
  static constexpr Index kMostElements = Index{1} << 20;  // that wait in memory
  std::vector<std::shared_ptr<Node>> leaves_;
  std::vector<Tensor> terms_;
  Index elements_ = 0;
};

// Adds `contribution` to a node's gradient. The first one is kept as it is; a sum is made in place
// only where no one else sees the storage and no element of it is repeated (a broadcast gradient
// has strides of 0).
void accumulate(const std::shared_ptr<Node>& node, const Tensor& contribution, LeafSums& leaves) {
  Tensor& gradient = node->gradient;
  if (node->is_leaf) {
    leaves.add(node, contribution);
  } else if (!gradient.defined()) {
    gradient = contribution;
  } else if (!gradient.is_shared() && gradient.is_contiguous()) {
    add_(gradient, contribution);
  } else {
    gradient = gradient + contribution;
  }
}

struct LaterFirst {
  bool operator()(const std::shared_ptr<Node>& a, const std::shared_ptr<Node>& b) const {
    return a->id < b->id;
  }
};
using PendingNodes =
    std::priority_queue<std::shared_ptr<Node>, std::vector<std::shared_ptr<Node>>, LaterFirst>;

// Runs one node's VJP, once (AD.4), adds the results to its inputs (AD.2), and frees what the node
// kept.
void visit(Node& node, PendingNodes& pending, LeafSums& leaves) {
  check(node.vjp != nullptr, node.op,
        "backward has already passed through this graph and freed it; run the forward pass again");
  const AddingVjp vjp = std::exchange(node.vjp, nullptr);
  const auto inputs = std::exchange(node.inputs, {});
  const Tensor dy = std::exchange(node.gradient, Tensor());

  Tensors so_far(node.adds);
  for (std::size_t i = 0; i < node.adds; ++i)
    if (inputs[i] != nullptr && !inputs[i]->is_leaf)
      so_far[i] = std::exchange(inputs[i]->gradient, Tensor());

  running_vjp = node.op;
  const Tensors gradients = vjp(dy, so_far);
  check(gradients.size() == inputs.size(), node.op, "the VJP returned {} gradients for {} inputs",
        gradients.size(), inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    check(
        inputs[i] == nullptr || !gradients[i].defined() || gradients[i].shape() == inputs[i]->shape,
        node.op, "the VJP returned a gradient of shape {} for input {} of shape {}",
        gradients[i].shape(), i, inputs[i] == nullptr ? Shape() : inputs[i]->shape);
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == nullptr || !gradients[i].defined()) continue;
    accumulate(inputs[i], gradients[i], leaves);
    if (!inputs[i]->is_leaf && !std::exchange(inputs[i]->is_pending, true)) pending.push(inputs[i]);
  }
}

}  // namespace

void Variable::backward() const {
  check(count() == 1, "backward", "expected a value of one element or a seed, got the shape {}",
        shape());
  backward(Tensor::ones(shape(), device()));
}

void Variable::backward(const Tensor& seed) const {
  check(requires_grad(), "backward", "this value of shape {} depends on nothing with a gradient",
        shape());
  check(seed.shape() == shape(), "backward", "expected a seed of shape {}, got {}", shape(),
        seed.shape());
  LeafSums leaves;
  accumulate(node_, seed, leaves);
  if (node_->is_leaf) return leaves.finish();
  // A node is visited once all nodes made after it are done: its gradient is complete by then.
  // (AD.3)
  PendingNodes pending;
  pending.push(node_);
  while (!pending.empty()) {
    const std::shared_ptr<Node> node = pending.top();
    pending.pop();
    node->is_pending = false;
    visit(*node, pending, leaves);
  }
  leaves.finish();
}

// ---- saved tensors, recording ----------------------------------------------------------------

Saved::Saved(Tensor tensor, const char* name)
    : tensor_(std::move(tensor)),
      name_(name),
      version_(tensor_.defined() ? tensor_.version() : 0) {}

const Tensor& Saved::get() const {
  if (!tensor_.defined()) return tensor_;
  check(tensor_.version() == version_, running_vjp,
        "the tensor {} {} that backward needs was changed in place after the forward pass "
        "(version {}, saved at {})",
        name_, tensor_.shape(), tensor_.version(), version_);
  return tensor_;
}

NoGrad::NoGrad() : previous_(std::exchange(recording, false)) {}
NoGrad::~NoGrad() { recording = previous_; }
bool grad_enabled() { return recording; }

}  // namespace ink
