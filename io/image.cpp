#include "io/image.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "io/file.h"
#include "io/image_integrity.h"
#include "tensor/check.h"

// The one place where stb's code is compiled; static, so that a program may have its own.
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_NO_STDIO
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#include <stb_image.h>
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#include <stb_image_write.h>

namespace ink {
namespace {

namespace fs = std::filesystem;

// ---- reading ---------------------------------------------------------------------------------

// Larger pictures are taken for damaged headers: 2^28 pixels are 16384 x 16384.
constexpr Index kMaxPixels = Index{1} << 28;
constexpr Index kMaxSize = Index{1} << 14;

std::string stb_reason() {
  const char* const reason = stbi_failure_reason();
  return reason != nullptr ? reason : "unknown reason";
}

struct StbFree {
  void operator()(stbi_uc* pixels) const { stbi_image_free(pixels); }
};

// Removes the last of `channels` channels, the opacity: the colours are laid over white.
std::vector<std::uint8_t> over_white(const stbi_uc* pixels, Index count, Index channels) {
  std::vector<std::uint8_t> result;
  result.reserve(static_cast<std::size_t>(count * (channels - 1)));
  for (Index i = 0; i < count; ++i, pixels += channels) {
    const int opacity = pixels[channels - 1];
    for (Index c = 0; c + 1 < channels; ++c) {
      const int mixed = (pixels[c] * opacity + 255 * (255 - opacity) + 127) / 255;
      result.push_back(static_cast<std::uint8_t>(mixed));
    }
  }
  return result;
}

// ---- resampling ------------------------------------------------------------------------------

// The source pixels first, first + 1, ... and their weights, which sum to 1.
struct Taps {
  Index first = 0;
  std::vector<double> weights;
};

// For each of `to` pixels, which of `from` pixels it is mixed from: a triangle around its centre,
// as wide as one source pixel on each side when enlarging (bilinear interpolation) and as one
// target pixel when shrinking (so that no source pixel is skipped).
std::vector<Taps> triangle_taps(Index from, Index to) {
  const double step = static_cast<double>(from) / static_cast<double>(to);
  const double radius = std::max(step, 1.0);
  std::vector<Taps> all(static_cast<std::size_t>(to));
  for (Index i = 0; i < to; ++i) {
    Taps& taps = all[static_cast<std::size_t>(i)];
    const double centre = (static_cast<double>(i) + 0.5) * step;
    taps.first = std::max<Index>(0, static_cast<Index>(std::floor(centre - radius)));
    const Index last = std::min(from, static_cast<Index>(std::ceil(centre + radius)));
    double sum = 0;
    for (Index j = taps.first; j < last; ++j) {
      const double distance = std::abs(static_cast<double>(j) + 0.5 - centre) / radius;
      taps.weights.push_back(std::max(0.0, 1 - distance));
      sum += taps.weights.back();
    }
    for (double& weight : taps.weights) weight /= sum;
  }
  return all;
}

// Each output is the mix of one output's taps; source pixel j of it lies at source + j * stride.
template <class Value>
double mix(const Taps& taps, const Value* source, Index stride) {
  source += taps.first * stride;
  double sum = 0;
  for (const double weight : taps.weights) {
    sum += weight * static_cast<double>(*source);
    source += stride;
  }
  return sum;
}

// ---- writing ---------------------------------------------------------------------------------

std::uint8_t to_byte(Real value) {
  return static_cast<std::uint8_t>(
      std::lround(std::clamp((static_cast<double>(value) + 1) * 127.5, 0.0, 255.0)));
}

void append(void* context, void* bytes, int count) {
  static_cast<std::string*>(context)->append(static_cast<const char*>(bytes),
                                             static_cast<std::size_t>(count));
}

}  // namespace

Picture read_picture(const fs::path& path, Index channels) {
  check(channels == 1 || channels == 3, "read_picture",
        "expected 1 channel (grey) or 3 (RGB), got {}", channels);
  const std::string bytes = read_file(path);
  check_picture_integrity(bytes, path);

  const auto* const data = reinterpret_cast<const stbi_uc*>(bytes.data());
  const int size = static_cast<int>(bytes.size());
  int width = 0, height = 0, stored = 0;
  check(stbi_info_from_memory(data, size, &width, &height, &stored) != 0, "read_picture",
        "{} is damaged: {}", path.string(), stb_reason());
  check(Index{width} * height <= kMaxPixels, "read_picture",
        "{} is {} x {} pixels large, expected at most {}", path.string(), width, height,
        kMaxPixels);
  const Index loaded = stored % 2 == 0 ? channels + 1 : channels;  // 2 and 4 end with the opacity
  const std::unique_ptr<stbi_uc, StbFree> pixels(
      stbi_load_from_memory(data, size, &width, &height, &stored, static_cast<int>(loaded)));
  check(pixels != nullptr, "read_picture", "{} is damaged: {}", path.string(), stb_reason());

  Picture picture{height, width, channels, {}};
  const Index count = Index{width} * height;
  if (loaded == channels) {
    picture.pixels.assign(pixels.get(), pixels.get() + count * channels);
  } else {
    picture.pixels = over_white(pixels.get(), count, loaded);
  }
  return picture;
}

Picture crop_and_resize(const Picture& picture, Index size) {
  check(size > 0 && size <= kMaxSize, "crop_and_resize", "expected a size from 1 to {}, got {}",
        kMaxSize, size);
  const Index c = picture.channels, row = picture.width * c;
  const Index side = std::min(picture.height, picture.width);
  const Index top = (picture.height - side) / 2, left = (picture.width - side) / 2;
  const std::vector<Taps> taps = triangle_taps(side, size);

  // Shorten the rows of the square: (side, size, c).
  std::vector<float> rows(static_cast<std::size_t>(side * size * c));
  auto out = rows.begin();
  for (Index y = 0; y < side; ++y) {
    const std::uint8_t* const first = picture.pixels.data() + (top + y) * row + left * c;
    for (const Taps& tap : taps) {
      for (Index k = 0; k < c; ++k) *out++ = static_cast<float>(mix(tap, first + k, c));
    }
  }

  // Then the columns: (size, size, c).
  Picture result{size, size, c, {}};
  result.pixels.reserve(static_cast<std::size_t>(size * size * c));
  for (const Taps& tap : taps) {
    for (Index x = 0; x < size * c; ++x) {
      const double value = mix(tap, rows.data() + x, size * c);
      result.pixels.push_back(static_cast<std::uint8_t>(std::lround(value)));
    }
  }
  return result;
}

std::string encode_png(const Tensor& image) {
  const Shape& shape = image.shape();
  check(shape.axes() == 3 && shape[0] > 0 && shape[1] > 0 && (shape[2] == 1 || shape[2] == 3),
        "encode_png", "expected an image (H,W,1) or (H,W,3), got {}", shape);
  check(shape.count() <= std::numeric_limits<int>::max() / 2, "encode_png",
        "an image of shape {} is too large for a PNG file", shape);
  const std::vector<Real> values = image.to_vector();
  const auto nan = std::find_if(values.begin(), values.end(), [](Real v) { return std::isnan(v); });
  check(nan == values.end(), "encode_png", "an image of shape {} has NaN at element {}", shape,
        nan - values.begin());

  std::vector<std::uint8_t> pixels(values.size());
  std::transform(values.begin(), values.end(), pixels.begin(), to_byte);
  const int height = static_cast<int>(shape[0]), width = static_cast<int>(shape[1]);
  const int channels = static_cast<int>(shape[2]);
  std::string bytes;
  const int written = stbi_write_png_to_func(append, &bytes, width, height, channels, pixels.data(),
                                             width * channels);
  check(written != 0, "encode_png", "no memory is left for an image of shape {}", shape);
  return bytes;
}

void save_png(const fs::path& path, const Tensor& image) {
  write_file_atomically(path, encode_png(image));
}

Tensor image_grid(const Tensor& images, Index columns, Index padding, Index scale) {
  check(images.axes() == 4 && images.count() > 0, "image_grid", "expected images (N,H,W,C), got {}",
        images.shape());
  check(columns >= 1 && padding >= 0 && scale >= 1, "image_grid",
        "expected columns >= 1, padding >= 0 and scale >= 1, got {}, {} and {}", columns, padding,
        scale);
  const Index n = images.size(0), h = images.size(1) * scale, w = images.size(2) * scale;
  const Index c = images.size(3), rows = (n + columns - 1) / columns;
  const std::vector<Real> source = images.to_vector();
  const Index width = columns * (w + padding) + padding;
  const Shape shape{rows * (h + padding) + padding, width, c};
  std::vector<Real> grid(static_cast<std::size_t>(shape.count()), Real{1});

  auto pixel = source.begin();
  for (Index i = 0; i < n; ++i) {
    const Index top = padding + i / columns * (h + padding);
    const Index left = padding + i % columns * (w + padding);
    for (Index y = 0; y < h; y += scale) {
      for (Index x = 0; x < w; x += scale, pixel += c) {
        for (Index s = 0; s < scale * scale; ++s) {
          const Index at = (top + y + s / scale) * width + left + x + s % scale;
          std::copy_n(pixel, c, grid.begin() + at * c);
        }
      }
    }
  }
  return Tensor::from(grid, shape);
}

}  // namespace ink
