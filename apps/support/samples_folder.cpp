#include "apps/support/samples_folder.h"

#include <algorithm>
#include <cmath>

#include "apps/support/run_folder.h"
#include "apps/support/sampling.h"
#include "io/file.h"
#include "io/image.h"
#include "tensor/check.h"
#include "tensor/ops.h"

namespace ink::apps {

namespace fs = std::filesystem;

namespace {

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

}  // namespace

SamplesFolder::SamplesFolder(const std::optional<std::string>& out, Index count)
    : path_(out ? fs::path(*out) : first_free("samples", is_there)), count_(count) {
  check(!is_there(path_ / "grid.png"), "--out", "{} holds samples already: choose another folder",
        path_.string());
  make_directories(path_);
}

void SamplesFolder::add(const Tensor& images) {
  const auto digits = std::max<std::size_t>(3, std::to_string(count_ - 1).size());
  for (Index i = 0; i < images.size(0); ++i, ++saved_) {
    const Tensor image = images.slice(0, i, i + 1).squeeze(0);
    save_png(path_ / fmt::format("sample_{:0{}}.png", saved_, digits), image);
  }
  const Index before = saved_ - images.size(0);
  const Index wanted = std::clamp<Index>(kMostInGrid - before, 0, images.size(0));
  if (wanted > 0) in_grid_.push_back(images.slice(0, 0, wanted));
}

void SamplesFolder::save_grid() const {
  const Tensor images = concat(in_grid_, 0);
  const auto columns =
      static_cast<Index>(std::ceil(std::sqrt(static_cast<double>(images.size(0)))));
  save_png(path_ / "grid.png",
           image_grid(images, columns, 2, columns <= 12 ? picture_scale(images.size(1)) : 1));
}

void SamplesFolder::save_strip(const Tensor& picture) const {
  save_png(path_ / "strip.png", picture);
}

}  // namespace ink::apps
