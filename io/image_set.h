// The data that a model learns from: images and their labels, in memory.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace ink {

// Images of one size, kept as bytes (a fourth of what floats would take), and a label from 0 to 255
// for each, or no labels at all.
class ImageSet {
 public:
  // `shape` is (N,H,W,C); `pixels` are N*H*W*C bytes in that order; `labels` are N bytes, or empty.
  // Throws Error when the numbers disagree or there is no image.
  ImageSet(const Shape& shape, std::vector<std::uint8_t> pixels,
           std::vector<std::uint8_t> labels = {});

  // (N,H,W,C)
  const Shape& shape() const { return shape_; }
  Index count() const { return shape_[0]; }
  Index height() const { return shape_[1]; }
  Index width() const { return shape_[2]; }
  Index channels() const { return shape_[3]; }
  bool has_labels() const { return !labels_.empty(); }

  // The images at the whole numbers of `index` (b): (b,H,W,C) on [-1,1], where -1 is the byte 0 and
  // 1 is 255. Throws Error when an index is out of range.
  Tensor batch(const Tensor& index, Device device = Device::cpu) const;
  // The same, written to `to`.
  void read(const Tensor& index, Real* to) const;
  // Their labels, (b). Throws Error when there are none.
  Tensor labels(const Tensor& index, Device device = Device::cpu) const;

 private:
  std::vector<Index> checked(const char* op, const Tensor& index) const;

  Shape shape_;
  std::vector<std::uint8_t> pixels_;
  std::vector<std::uint8_t> labels_;
};

}  // namespace ink
