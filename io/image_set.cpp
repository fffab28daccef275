#include "io/image_set.h"

#include <algorithm>
#include <array>
#include <utility>

#include "tensor/check.h"

namespace ink {
namespace {

// The value of each byte: byte / 127.5 - 1.
std::array<Real, 256> byte_values() {
  std::array<Real, 256> values{};
  for (std::size_t byte = 0; byte < values.size(); ++byte) {
    values[byte] = static_cast<Real>(static_cast<double>(byte) / 127.5 - 1);
  }
  return values;
}

}  // namespace

ImageSet::ImageSet(const Shape& shape, std::vector<std::uint8_t> pixels,
                   std::vector<std::uint8_t> labels)
    : shape_(shape), pixels_(std::move(pixels)), labels_(std::move(labels)) {
  check(shape.axes() == 4 && std::all_of(shape.begin(), shape.end(), [](Index n) { return n > 0; }),
        "image_set", "expected sizes (N,H,W,C) of at least 1, got {}", shape);
  check(static_cast<Index>(pixels_.size()) == shape.count(), "image_set",
        "expected {} bytes for the shape {}, got {}", shape.count(), shape, pixels_.size());
  check(labels_.empty() || static_cast<Index>(labels_.size()) == shape[0], "image_set",
        "expected a label for each of {} images, got {}", shape[0], labels_.size());
}

Tensor ImageSet::batch(const Tensor& index, Device device) const {
  check(index.axes() == 1, "batch", "expected indices of shape (b), got {}", index.shape());
  Tensor images({index.count(), height(), width(), channels()});
  read(index, images.mutable_data());
  return images.to(device);
}

void ImageSet::read(const Tensor& index, Real* to) const {
  static const std::array<Real, 256> value = byte_values();
  const Index size = height() * width() * channels();
  for (const Index i : checked("batch", index)) {
    const std::uint8_t* const first = pixels_.data() + i * size;
    to = std::transform(first, first + size, to, [](std::uint8_t byte) { return value[byte]; });
  }
}

Tensor ImageSet::labels(const Tensor& index, Device device) const {
  check(has_labels(), "labels", "these images have no labels");
  std::vector<Real> values;
  for (const Index i : checked("labels", index)) {
    values.push_back(static_cast<Real>(labels_[static_cast<std::size_t>(i)]));
  }
  return Tensor::from(values, {static_cast<Index>(values.size())}, device);
}

// The indices as integers, each of them in range.
std::vector<Index> ImageSet::checked(const char* op, const Tensor& index) const {
  check(index.axes() == 1, op, "expected indices of shape (b), got {}", index.shape());
  std::vector<Index> result;
  for (const Real value : index.to_vector()) {
    // Written so that NaN fails as well.
    check(value >= 0 && value < static_cast<Real>(count()), op,
          "the index {} is out of range for {} images", value, count());
    result.push_back(static_cast<Index>(value));
  }
  return result;
}

}  // namespace ink
