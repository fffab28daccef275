#include "apps/support/training_data.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "io/idx.h"
#include "io/image_folder.h"
#include "tensor/check.h"
#include "tensor/graph.h"
#include "tensor/ops.h"

namespace ink::apps {

namespace fs = std::filesystem;

std::string default_data_folder() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const std::vector<fs::path> places = {
      "data/mnist", fs::path(INK_SOURCE_DIR) / "data/mnist",
      program.parent_path().parent_path() / "share/inkling/mnist"};
  for (const fs::path& place : places) {
    if (fs::is_directory(place, error)) return place.string();
  }
  fail("--data", "MNIST is not in {}, {} or {}: name the folder of its four files",
       places[0].string(), places[1].string(), places[2].string());
}

ImageSet load_training_data(const Settings& settings) {
  ImageSet images =
      settings.images.empty()
          ? load_mnist(settings.data, Split::train)
          : load_image_folder(settings.images, settings.image_size, settings.channels);
  check(images.height() == images.width(), "--data", "expected square images, got {}x{} in {}",
        images.height(), images.width(), settings.data);
  return images;
}

TrainingImages::TrainingImages(const ImageSet& images, Device device)
    : images_(images), device_(device) {
  const Index bytes = images.shape().count() * static_cast<Index>(sizeof(Real));
  if (device == Device::cuda && bytes <= kResidentBytes) {
    resident_ = images.batch(Tensor::arange(0, images.count()), device);
  }
}

Tensor TrainingImages::next(DataOrder& order, Index count) const {
  if (resident_.defined()) {
    const auto write = [&order, count](Real* to) {
      const std::vector<Real> chosen = order.next(count).to_vector();
      std::copy(chosen.begin(), chosen.end(), to);
    };
    return gather(resident_, varying_tensor({count}, device_, write));
  }
  const Shape shape{count, images_.height(), images_.width(), images_.channels()};
  const auto write = [this, &order, count](Real* to) { images_.read(order.next(count), to); };
  return varying_tensor(shape, device_, write);
}

std::string fingerprint(const ImageSet& images) {
  constexpr Index kSamples = 256;
  std::vector<Real> chosen;
  for (Index i = 0; i < std::min(images.count(), kSamples); ++i) {
    const Index position = i * images.count() / std::min(images.count(), kSamples);
    chosen.push_back(static_cast<Real>(position));
  }
  const Tensor index = Tensor::from(chosen, {static_cast<Index>(chosen.size())});
  std::uint64_t hash = 14695981039346656037ull;  // FNV-1a over the pixels as bytes
  for (const Real value : images.batch(index).to_vector()) {
    hash ^= static_cast<std::uint8_t>((value + 1) * Real(127.5) + Real(0.5));
    hash *= 1099511628211ull;
  }
  return fmt::format("{} {:016x}", images.shape(), hash);
}

}  // namespace ink::apps
