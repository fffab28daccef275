// A folder of pictures as the data to learn from.
#pragma once

#include <filesystem>

#include "io/image_set.h"

namespace ink {

// Reads every .png, .jpg and .jpeg file of `directory` (not of its subfolders; names that begin
// with a dot are hidden and skipped, as are other files), in the order of their names: the middle
// square, resized to `size` x `size`, grey (channels 1) or RGB (3), without labels. Throws Error
// when there is no picture, or naming the first one that cannot be read: a damaged file is never
// skipped.
ImageSet load_image_folder(const std::filesystem::path& directory, Index size, Index channels);

}  // namespace ink
