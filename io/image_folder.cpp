#include "io/image_folder.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <system_error>
#include <utility>

#include "io/image.h"
#include "tensor/check.h"

namespace ink {
namespace {

namespace fs = std::filesystem;

bool is_picture_name(const fs::path& name) {
  std::string extension = name.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  const bool hidden = name.string().front() == '.';
  return !hidden && (extension == ".png" || extension == ".jpg" || extension == ".jpeg");
}

std::vector<fs::path> picture_paths(const fs::path& directory) {
  std::error_code error;
  std::vector<fs::path> pictures;
  Index others = 0;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (is_picture_name(entry->path().filename()) && !entry->is_directory(ignored)) {
      pictures.push_back(entry->path());
    } else {
      ++others;
    }
  }
  check(!error, "load_image_folder", "cannot read the directory {}: {}", directory.string(),
        error.message());
  check(!pictures.empty(), "load_image_folder",
        "{} holds no .png, .jpg or .jpeg file ({} other entries; subfolders are not searched)",
        directory.string(), others);
  std::sort(pictures.begin(), pictures.end());
  return pictures;
}

}  // namespace

ImageSet load_image_folder(const fs::path& directory, Index size, Index channels) {
  const std::vector<fs::path> paths = picture_paths(directory);
  std::vector<std::uint8_t> pixels;
  for (const fs::path& path : paths) {
    const Picture picture = crop_and_resize(read_picture(path, channels), size);
    pixels.insert(pixels.end(), picture.pixels.begin(), picture.pixels.end());
  }
  return {{static_cast<Index>(paths.size()), size, size, channels}, std::move(pixels)};
}

}  // namespace ink
