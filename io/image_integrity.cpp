#include "io/image_integrity.h"

#include <zlib.h>

#include <cstdint>
#include <limits>

#include "tensor/check.h"

namespace ink {
namespace {

constexpr std::string_view kPngSignature = "\x89PNG\r\n\x1a\n";
constexpr std::string_view kJpegSignature = "\xff\xd8\xff";

enum class Verdict { whole, cut_short, damaged };

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

std::uint32_t big_endian(std::string_view bytes, std::size_t at) {
  return std::uint32_t{byte_at(bytes, at)} << 24 | std::uint32_t{byte_at(bytes, at + 1)} << 16 |
         std::uint32_t{byte_at(bytes, at + 2)} << 8 | byte_at(bytes, at + 3);
}

// A chunk is: length (4), type (4), data, CRC-32 of type and data (4). The last one is IEND.
Verdict check_png(std::string_view bytes) {
  constexpr std::size_t kAround = 12;
  std::size_t at = kPngSignature.size();
  while (bytes.size() - at >= kAround) {
    const std::size_t length = big_endian(bytes, at);
    if (length > bytes.size() - at - kAround) return Verdict::cut_short;
    const std::string_view body = bytes.substr(at + 4, 4 + length);
    const uLong crc = crc32_z(0, reinterpret_cast<const Bytef*>(body.data()), body.size());
    if (crc != big_endian(bytes, at + 8 + length)) return Verdict::damaged;
    if (body.substr(0, 4) == "IEND") return Verdict::whole;
    at += kAround + length;
  }
  return Verdict::cut_short;
}

// Whether a marker stands alone, with no length behind it: TEM, RST0 to RST7 and SOI.
bool stands_alone(int marker) { return marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8); }

// Where the next marker begins in the coded data that follow a scan's header: at an 0xff that is
// neither stuffed (0xff00) nor a restart marker.
std::size_t find_marker(std::string_view bytes, std::size_t at) {
  while (at + 1 < bytes.size()) {
    const int next = byte_at(bytes, at + 1);
    if (byte_at(bytes, at) == 0xff && next != 0 && !(next >= 0xd0 && next <= 0xd7)) return at;
    ++at;
  }
  return bytes.size();
}

// Whether a segment's Huffman tables fit into it: per table a byte for its name, 16 counts of codes
// and the values of these codes, 256 at most. stb_image before 2.28 trusts the counts and writes as
// many values as they announce, outside its own memory.
bool huffman_tables_fit(std::string_view tables) {
  constexpr std::size_t kCounts = 16, kMaxValues = 256;
  while (tables.size() > kCounts) {
    std::size_t values = 0;
    for (std::size_t i = 1; i <= kCounts; ++i) values += byte_at(tables, i);
    if (values > kMaxValues || values > tables.size() - 1 - kCounts) return false;
    tables.remove_prefix(1 + kCounts + values);
  }
  return tables.empty();
}

// Follows the markers, 0xff and a byte each, from SOI to EOI. Most are followed by the length of
// their segment, which counts itself.
Verdict check_jpeg(std::string_view bytes) {
  constexpr int kHuffman = 0xc4, kEnd = 0xd9, kScan = 0xda, kFill = 0xff;
  std::size_t at = 2;
  while (at + 1 < bytes.size()) {
    const int marker = byte_at(bytes, at + 1);
    if (byte_at(bytes, at) != 0xff) return Verdict::damaged;
    if (marker == kEnd) return Verdict::whole;
    if (marker == kFill) {
      at += 1;
    } else if (stands_alone(marker)) {
      at += 2;
    } else {
      if (bytes.size() - at < 4) return Verdict::cut_short;
      const std::size_t length = std::size_t{byte_at(bytes, at + 2)} * 256 + byte_at(bytes, at + 3);
      if (length < 2) return Verdict::damaged;
      if (length > bytes.size() - at - 2) return Verdict::cut_short;
      if (marker == kHuffman && !huffman_tables_fit(bytes.substr(at + 4, length - 2))) {
        return Verdict::damaged;
      }
      at += 2 + length;
      if (marker == kScan) at = find_marker(bytes, at);
    }
  }
  return Verdict::cut_short;
}

}  // namespace

void check_picture_integrity(std::string_view bytes, const std::filesystem::path& path) {
  const bool png = bytes.substr(0, kPngSignature.size()) == kPngSignature;
  const bool jpeg = bytes.substr(0, kJpegSignature.size()) == kJpegSignature;
  check(png || jpeg, "read_picture", "{} is neither a PNG nor a JPEG file", path.string());
  check(bytes.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()), "read_picture",
        "{} takes {} bytes, expected less than 2 GiB", path.string(), bytes.size());
  const Verdict verdict = png ? check_png(bytes) : check_jpeg(bytes);
  check(verdict != Verdict::cut_short, "read_picture", "{} is cut short", path.string());
  check(verdict != Verdict::damaged, "read_picture", "{} is damaged: {}", path.string(),
        png ? "a checksum is wrong" : "a marker or a table is wrong");
}

}  // namespace ink
