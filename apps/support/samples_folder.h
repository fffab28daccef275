// Where `sample` puts its pictures.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "tensor/tensor.h"

namespace ink::apps {

class SamplesFolder {
 public:
  // `out`, or the next free samples-N, made on the disk, for `count` pictures. Throws Error when it
  // holds samples already, or cannot be made.
  SamplesFolder(const std::optional<std::string>& out, Index count);

  // sample_000.png, sample_001.png, ...: the images (n, h, w, c), the next n of them.
  void add(const Tensor& images);
  // grid.png: all of them, or the first kMostInGrid, near a square.
  void save_grid() const;
  void save_strip(const Tensor& picture) const;

  const std::filesystem::path& path() const { return path_; }

 private:
  static constexpr Index kMostInGrid = 1024;

  std::filesystem::path path_;
  Index count_;
  Index saved_ = 0;
  Tensors in_grid_;
};

}  // namespace ink::apps
