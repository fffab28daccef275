#include "io/idx.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "io/gzip.h"
#include "tensor/check.h"

namespace ink {
namespace {

namespace fs = std::filesystem;

// An image larger than this on one side is a damaged header. It also keeps the product of three
// sizes below 2^63.
constexpr Index kMaxSide = 1 << 14;

constexpr std::uint32_t magic_number(int axes) { return 0x800U + static_cast<std::uint32_t>(axes); }

const char* kind(int axes) { return axes == 3 ? "images" : "labels"; }

std::uint32_t read_big_endian(GzipReader& file) {
  std::array<unsigned char, 4> b{};
  check(file.read(b.data(), b.size()) == b.size(), "read_idx", "{} is cut short within its header",
        file.path().string());
  return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
}

void check_magic(GzipReader& file, int axes) {
  const std::uint32_t magic = read_big_endian(file), expected = magic_number(axes);
  const int other = axes == 3 ? 1 : 3;
  check(magic != magic_number(other), "read_idx",
        "{} holds {} (magic number {:#010x}), expected {} ({:#010x}): are the files swapped?",
        file.path().string(), kind(other), magic, kind(axes), expected);
  check(magic == expected, "read_idx",
        "{} is not an IDX file of {}: expected the magic number {:#010x}, got {:#010x}",
        file.path().string(), kind(axes), expected, magic);
}

std::vector<Index> read_sizes(GzipReader& file, int axes) {
  std::vector<Index> sizes;
  for (int axis = 0; axis < axes; ++axis) sizes.push_back(read_big_endian(file));
  check(sizes[0] > 0, "read_idx", "{} holds no {}", file.path().string(), kind(axes));
  for (const Index side : std::span(sizes).subspan(1)) {
    check(side > 0 && side <= kMaxSide, "read_idx",
          "{} announces images of {} x {} pixels, expected 1 to {} on each side",
          file.path().string(), sizes[1], sizes[2], kMaxSide);
  }
  return sizes;
}

// Reads `count` bytes and asks for the end of the file. The memory grows with what is there, not
// with what the header promises.
std::vector<std::uint8_t> read_values(GzipReader& file, std::uint64_t count) {
  constexpr std::uint64_t kFirstPiece = 1 << 20;
  std::vector<std::uint8_t> values;
  std::uint64_t done = 0;
  while (done < count) {
    values.resize(std::min(count, std::max(2 * done, kFirstPiece)));
    const std::uint64_t wanted = values.size() - done;
    const std::uint64_t got = file.read(values.data() + done, wanted);
    done += got;
    check(got == wanted, "read_idx",
          "{} is cut short: its header announces {} bytes of data, got {}", file.path().string(),
          count, done);
  }
  std::uint8_t excess = 0;
  check(file.read(&excess, 1) == 0, "read_idx",
        "{} is too long: its header announces {} bytes of data, and more follow",
        file.path().string(), count);
  return values;
}

// The file of that name in one of its usual spellings.
fs::path find_file(const fs::path& directory, const std::string& prefix, int axes) {
  const std::string name = fmt::format("{}-{}", prefix, kind(axes));
  const std::string suffix = fmt::format("idx{}-ubyte", axes);
  for (const char* separator : {"-", "."}) {
    for (const char* extension : {"", ".gz"}) {
      const fs::path path = directory / (name + separator + suffix + extension);
      std::error_code error;
      const fs::file_status status = fs::status(path, error);
      if (fs::exists(status) && !fs::is_directory(status)) return path;
    }
  }
  fail("load_mnist", "{} holds no {}-{}, neither with .gz nor without", directory.string(), name,
       suffix);
}

}  // namespace

IdxArray read_idx(const fs::path& path, int axes) {
  check(axes == 1 || axes == 3, "read_idx", "expected 1 axis (labels) or 3 (images), got {}", axes);
  GzipReader file(path);
  check_magic(file, axes);
  IdxArray array;
  array.sizes = read_sizes(file, axes);
  std::uint64_t count = 1;
  for (const Index size : array.sizes) count *= static_cast<std::uint64_t>(size);
  array.values = read_values(file, count);
  return array;
}

ImageSet load_mnist(const fs::path& directory, Split split) {
  std::error_code error;
  check(fs::is_directory(directory, error), "load_mnist", "{}: there is no such directory",
        directory.string());
  const std::string prefix = split == Split::train ? "train" : "t10k";
  const fs::path images_path = find_file(directory, prefix, 3);
  const fs::path labels_path = find_file(directory, prefix, 1);
  IdxArray images = read_idx(images_path, 3);
  IdxArray labels = read_idx(labels_path, 1);
  check(images.sizes[0] == labels.sizes[0], "load_mnist",
        "{} holds {} images but {} holds {} labels", images_path.string(), images.sizes[0],
        labels_path.string(), labels.sizes[0]);
  const Shape shape{images.sizes[0], images.sizes[1], images.sizes[2], 1};
  return {shape, std::move(images.values), std::move(labels.values)};
}

}  // namespace ink
