// Finds damage in picture files that stb_image overlooks.
#pragma once

#include <filesystem>
#include <string_view>

namespace ink {

// Throws Error naming `path` unless `bytes` are a whole PNG file, each chunk with the right
// checksum (PNG specification, section 5), or a whole JPEG file, from its first marker to its last
// (ITU T.81, annex B). stb_image itself verifies no checksum and paints the missing end of a JPEG
// grey. A JPEG has no checksums: altered colours cannot be noticed.
void check_picture_integrity(std::string_view bytes, const std::filesystem::path& path);

}  // namespace ink
