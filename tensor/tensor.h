// The tensor: a strided view of shared storage. It knows nothing of gradients.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tensor/shape.h"
#include "tensor/storage.h"

namespace ink {

// Copies are cheap and share the storage; views are free. Element i_0, i_1, ... lies at
// offset + i_0 * strides[0] + i_1 * strides[1] + ... (TEN.1) Kernels take compact tensors: see
// contiguous(). Whole numbers (timesteps, labels, indices) are stored as Real, exact up to 2^24.
class Tensor {
 public:
  // No tensor at all: defined() is false, and only that and assignment are allowed.
  Tensor() = default;
  // Compact, contents undefined.
  explicit Tensor(const Shape& shape, Device device = Device::cpu);

  static Tensor zeros(const Shape& shape, Device device = Device::cpu);
  static Tensor ones(const Shape& shape, Device device = Device::cpu);
  static Tensor full(const Shape& shape, Real value, Device device = Device::cpu);
  // A tensor without axes.
  static Tensor scalar(Real value, Device device = Device::cpu);
  // first, first + 1, ..., last - 1.
  static Tensor arange(Index first, Index last, Device device = Device::cpu);
  // `values` in row-major order; throws Error unless there are shape.count() of them.
  static Tensor from(const std::vector<Real>& values, const Shape& shape,
                     Device device = Device::cpu);
  static Tensor from(std::initializer_list<double> values, const Shape& shape);

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  const Shape& strides() const { return strides_; }
  int axes() const { return shape_.axes(); }
  // The size of an axis; negative axes count from the end.
  Index size(int axis) const;
  Index count() const { return shape_.count(); }
  Device device() const { return storage_->device; }
  bool is_contiguous() const;
  // Whether other tensors see the same storage.
  bool is_shared() const { return storage_.use_count() > 1; }
  std::uint64_t version() const { return storage_->version; }
  PackedWeights& packed_weights() const { return storage_->packed_weights; }

  // The first element of the view. On CUDA, device memory.
  const Real* data() const { return storage_->data + offset_; }
  // The same for writing; a write counts as a change of the storage for autograd.
  Real* mutable_data();

  // Views: they share storage with this tensor. One size of a reshape may be -1 and follows from
  // the others; a reshape of a view that is not contiguous copies.
  Tensor reshape(const Shape& shape) const;
  Tensor permute(const Shape& order) const;
  Tensor transpose(int axis_a, int axis_b) const;
  Tensor slice(int axis, Index first, Index last) const;
  // Repeats axes of size 1 (and adds axes in front) without copying: stride 0.
  Tensor expand(const Shape& shape) const;
  // Removes an axis of size 1, adds one.
  Tensor squeeze(int axis) const;
  Tensor unsqueeze(int axis) const;

  // This tensor when it is compact, else a compact copy.
  Tensor contiguous() const;
  // Always a compact copy.
  Tensor clone() const;
  Tensor to(Device device) const;

  // Overwrites the elements of this view; broadcasts `source`.
  void copy_(const Tensor& source);
  void fill_(Real value);

  // The value of a tensor of one element. Waits for the device.
  Real item() const;
  Real at(std::initializer_list<Index> index) const;
  // All elements in row-major order, on the host.
  std::vector<Real> to_vector() const;
  // As NumPy prints an array, long ones summarised by their corners.
  std::string to_string() const;

 private:
  Tensor(std::shared_ptr<Storage> storage, const Shape& shape, const Shape& strides, Index offset);

  std::shared_ptr<Storage> storage_;
  Shape shape_;
  Shape strides_;
  Index offset_ = 0;
};

using Tensors = std::vector<Tensor>;

}  // namespace ink

template <>
struct fmt::formatter<ink::Tensor> : fmt::formatter<std::string> {
  auto format(const ink::Tensor& tensor, fmt::format_context& context) const {
    return fmt::formatter<std::string>::format(tensor.to_string(), context);
  }
};
