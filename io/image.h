// Single pictures: PNG and JPEG in, PNG out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace ink {

// (height, width, channels) bytes from the top left, a pixel's channels side by side.
struct Picture {
  Index height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels;
};

// Reads a PNG or JPEG file as grey (channels 1) or RGB (3), whatever it holds; what is transparent
// shows white behind it. Throws Error naming the file when it is neither, cut short or damaged.
Picture read_picture(const std::filesystem::path& path, Index channels);

// The largest square in the middle, resampled to `size` x `size` pixels.
Picture crop_and_resize(const Picture& picture, Index size);

// The bytes of a PNG file that shows `image`, (H,W,1) or (H,W,3), -1 as the byte 0 and 1 as 255;
// what lies outside is clamped. Undoes ImageSet::batch exactly. Throws Error for another shape, and
// for a NaN, which no colour can stand for.
std::string encode_png(const Tensor& image);

// Writes these bytes to a file, atomically.
void save_png(const std::filesystem::path& path, const Tensor& image);

// Images (N,H,W,C) side by side in rows of `columns`, as one image: each pixel becomes a square of
// `scale` x `scale`, `padding` white pixels lie between and around the images. Cells that stay
// empty are white.
Tensor image_grid(const Tensor& images, Index columns, Index padding = 2, Index scale = 1);

}  // namespace ink
