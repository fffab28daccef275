#include "tensor/tensor.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

#include "tensor/check.h"
#include "tensor/graph.h"
#include "tensor/kernels/copy.h"
#include "tensor/kernels/memory.h"

namespace ink {

// ---- making ----------------------------------------------------------------------------------

Tensor::Tensor(const Shape& shape, Device device) : shape_(shape) {
  check(std::all_of(shape.begin(), shape.end(), [](Index size) { return size >= 0; }), "tensor",
        "expected sizes of at least 0, got the shape {}", shape);
  Index most = std::numeric_limits<Index>::max() / static_cast<Index>(sizeof(Real));
  for (const Index size : shape) most /= std::max(size, Index{1});
  check(most > 0, "tensor", "the shape {} has more elements than can be counted", shape);
  strides_ = shape.compact_strides();
  storage_ = std::make_shared<Storage>(shape.count(), device);
}

Tensor::Tensor(std::shared_ptr<Storage> storage, const Shape& shape, const Shape& strides,
               Index offset)
    : storage_(std::move(storage)), shape_(shape), strides_(strides), offset_(offset) {}

Tensor Tensor::zeros(const Shape& shape, Device device) { return full(shape, 0, device); }

Tensor Tensor::ones(const Shape& shape, Device device) { return full(shape, 1, device); }

Tensor Tensor::full(const Shape& shape, Real value, Device device) {
  Tensor result(shape, device);
  result.fill_(value);
  return result;
}

Tensor Tensor::scalar(Real value, Device device) { return full({}, value, device); }

Tensor Tensor::arange(Index first, Index last, Device device) {
  check(first <= last, "arange", "expected first <= last, got {} and {}", first, last);
  std::vector<Real> values(static_cast<std::size_t>(last - first));
  std::iota(values.begin(), values.end(), static_cast<Real>(first));
  return from(values, {last - first}, device);
}

Tensor Tensor::from(const std::vector<Real>& values, const Shape& shape, Device device) {
  check(shape.count() == static_cast<Index>(values.size()), "from",
        "the shape {} holds {} elements, but {} values were given", shape, shape.count(),
        values.size());
  check_not_recording("from", device, "give it the values through varying_tensor()");
  Tensor result(shape, device);
  on<cpu::copy_from_host, cuda::copy_from_host>(device, static_cast<void*>(result.mutable_data()),
                                                static_cast<const void*>(values.data()),
                                                values.size() * sizeof(Real));
  return result;
}

Tensor Tensor::from(std::initializer_list<double> values, const Shape& shape) {
  std::vector<Real> converted;
  for (const double value : values) converted.push_back(static_cast<Real>(value));
  return from(converted, shape);
}

// ---- asking ----------------------------------------------------------------------------------

Index Tensor::size(int axis) const { return shape_[normalize_axis("size", axis, axes())]; }

bool Tensor::is_contiguous() const {
  Index expected = 1;
  for (int axis = axes() - 1; axis >= 0; --axis) {
    if (shape_[axis] != 1 && strides_[axis] != expected) return false;
    expected *= shape_[axis];
  }
  return true;
}

Real* Tensor::mutable_data() {
  ++storage_->version;
  storage_->packed_weights.clear();
  return storage_->data + offset_;
}

// ---- views -----------------------------------------------------------------------------------

Tensor Tensor::reshape(const Shape& shape) const {
  Shape target = shape;
  Index known = 1;
  int inferred = -1;
  for (int axis = 0; axis < target.axes(); ++axis) {
    if (target[axis] == -1 && inferred < 0) {
      inferred = axis;
    } else {
      known *= target[axis];
    }
  }
  if (inferred >= 0 && known > 0) target[inferred] = count() / known;
  const bool is_shape = std::none_of(target.begin(), target.end(), [](Index n) { return n < 0; });
  check(is_shape && target.count() == count(), "reshape",
        "a tensor of shape {} cannot take the shape {}", shape_, shape);
  const Tensor compact = contiguous();
  return {compact.storage_, target, target.compact_strides(), compact.offset_};
}

Tensor Tensor::permute(const Shape& order) const {
  std::vector<Index> sorted(order.begin(), order.end());
  std::sort(sorted.begin(), sorted.end());
  bool valid = order.axes() == axes();
  for (int axis = 0; valid && axis < axes(); ++axis) {
    valid = sorted[static_cast<std::size_t>(axis)] == axis;
  }
  check(valid, "permute", "expected an order of the {} axes of {}, got {}", axes(), shape_, order);
  Shape shape = shape_, strides = strides_;
  for (int axis = 0; axis < axes(); ++axis) {
    shape[axis] = shape_[static_cast<int>(order[axis])];
    strides[axis] = strides_[static_cast<int>(order[axis])];  // (TEN.7)
  }
  return {storage_, shape, strides, offset_};
}

Tensor Tensor::transpose(int axis_a, int axis_b) const {
  Shape shape = shape_, strides = strides_;
  const int a = normalize_axis("transpose", axis_a, axes());
  const int b = normalize_axis("transpose", axis_b, axes());
  std::swap(shape[a], shape[b]);
  std::swap(strides[a], strides[b]);
  return {storage_, shape, strides, offset_};
}

Tensor Tensor::slice(int axis, Index first, Index last) const {
  const int a = normalize_axis("slice", axis, axes());
  check(0 <= first && first <= last && last <= shape_[a], "slice",
        "expected 0 <= first <= last <= {} on axis {} of {}, got {} and {}", shape_[a], a, shape_,
        first, last);
  Shape shape = shape_;
  shape[a] = last - first;
  return {storage_, shape, strides_, offset_ + first * strides_[a]};  // (TEN.6)
}

Tensor Tensor::expand(const Shape& shape) const {
  const int added = shape.axes() - axes();
  check(added >= 0 && broadcast_shape("expand", shape_, shape) == shape, "expand",
        "a tensor of shape {} does not expand to {}", shape_, shape);
  Shape strides = Shape::filled(shape.axes(), 0);  // (TEN.8)
  for (int axis = 0; axis < axes(); ++axis) {
    if (shape_[axis] == shape[added + axis]) strides[added + axis] = strides_[axis];
  }
  return {storage_, shape, strides, offset_};
}

Tensor Tensor::squeeze(int axis) const {
  const int a = normalize_axis("squeeze", axis, axes());
  check(shape_[a] == 1, "squeeze", "expected an axis of size 1, got size {} on axis {} of {}",
        shape_[a], a, shape_);
  return {storage_, shape_.with_axis_removed(a), strides_.with_axis_removed(a), offset_};
}

Tensor Tensor::unsqueeze(int axis) const {
  const int a = normalize_axis("unsqueeze", axis, axes() + 1);
  return {storage_, shape_.with_axis_inserted(a, 1), strides_.with_axis_inserted(a, 0), offset_};
}

// ---- copies ----------------------------------------------------------------------------------

Tensor Tensor::contiguous() const { return is_contiguous() ? *this : clone(); }

Tensor Tensor::clone() const {
  Tensor result(shape_, device());
  result.copy_(*this);
  return result;
}

Tensor Tensor::to(Device device) const {
  if (device == this->device()) return *this;
  check_not_recording("to", Device::cuda, "give it the values through varying_tensor()");
  const Tensor compact = contiguous();
  Tensor result(shape_, device);
  const auto bytes = static_cast<std::size_t>(count()) * sizeof(Real);
  void* const to = result.mutable_data();
  const void* const from = compact.data();
  if (device == Device::cpu) {
    on<cpu::copy_to_host, cuda::copy_to_host>(this->device(), to, from, bytes);
  } else {
    on<cpu::copy_from_host, cuda::copy_from_host>(device, to, from, bytes);
  }
  return result;
}

void Tensor::copy_(const Tensor& source) {
  check(source.device() == device(), "copy_", "expected both tensors on one device");
  const Tensor expanded = source.expand(shape_);
  CopySizes sizes{};
  sizes.axes = axes();
  std::copy(shape_.begin(), shape_.end(), sizes.shape);
  std::copy(strides_.begin(), strides_.end(), sizes.dst_stride);
  std::copy(expanded.strides_.begin(), expanded.strides_.end(), sizes.src_stride);
  on<cpu::copy, cuda::copy>(device(), mutable_data(), expanded.data(), sizes);
}

void Tensor::fill_(Real value) {
  if (is_contiguous()) {
    on<cpu::fill, cuda::fill>(device(), mutable_data(), value, count());
  } else {
    copy_(scalar(value, device()));
  }
}

// ---- reading ---------------------------------------------------------------------------------

Real Tensor::item() const {
  check(count() == 1, "item", "expected a tensor of one element, got the shape {}", shape_);
  return to_vector().front();
}

Real Tensor::at(std::initializer_list<Index> index) const {
  check(static_cast<int>(index.size()) == axes(), "at", "expected {} indices for {}, got {}",
        axes(), shape_, index.size());
  Tensor element = *this;
  for (const Index i : index) element = element.slice(0, i, i + 1).squeeze(0);
  return element.item();
}

std::vector<Real> Tensor::to_vector() const {
  check_not_recording("to_vector", device(), "read the values after the step");
  const Tensor compact = contiguous();
  std::vector<Real> values(static_cast<std::size_t>(count()));
  on<cpu::copy_to_host, cuda::copy_to_host>(device(), static_cast<void*>(values.data()),
                                            static_cast<const void*>(compact.data()),
                                            values.size() * sizeof(Real));
  return values;
}

}  // namespace ink
