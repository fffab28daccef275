// io/gzip, io/idx, io/image_set: MNIST's files, whole and damaged.
#include <cmath>
#include <limits>
#include <vector>

#include "io/gzip.h"
#include "io/idx.h"
#include "tensor/ops.h"
#include "tests/test_io_support.h"

namespace fs = std::filesystem;
using namespace ink;
using namespace ink::test;

namespace {

// A number as IDX stores it.
std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 255);
  return bytes;
}

std::string idx_file(std::uint32_t magic, const std::vector<std::uint32_t>& sizes,
                     const std::string& values) {
  std::string bytes = big_endian(magic);
  for (const std::uint32_t size : sizes) bytes += big_endian(size);
  return bytes + values;
}

// Five images of 4 x 3 pixels and five labels, as tests/data/io/make_files.py packs them.
std::string tiny_images() {
  std::string pixels;
  for (int k = 0; k < 60; ++k) pixels += static_cast<char>((7 * k + 3) % 256);
  return idx_file(0x803, {5, 4, 3}, pixels);
}

std::string tiny_labels() { return idx_file(0x801, {5}, "\x09\x08\x07\x06\x05"); }

std::string unpack(const fs::path& path, std::size_t piece = 1000) {
  GzipReader file(path);
  std::string bytes;
  std::size_t got = piece;
  while (got == piece) {
    const std::size_t done = bytes.size();
    bytes.resize(done + piece);
    got = file.read(bytes.data() + done, piece);
    bytes.resize(done + got);
  }
  return bytes;
}

}  // namespace

TEST_SUITE("io gzip") {
  TEST_CASE("plain and compressed files read the same, in pieces of any size") {
    const TemporaryDirectory folder;
    spill(folder / "plain", tiny_images());
    for (const std::size_t piece : {1, 2, 7, 76, 1000}) {
      CHECK(unpack(folder / "plain", piece) == tiny_images());
      CHECK(unpack(data_path("train-images-idx3-ubyte.gz"), piece) == tiny_images());
    }
    for (const std::string bytes : {"", "\x1f", "ab"}) {
      spill(folder / "short", bytes);
      CHECK(unpack(folder / "short") == bytes);
    }
  }

  TEST_CASE("members follow each other as one") {
    const TemporaryDirectory folder;
    const std::string images = slurp(data_path("train-images-idx3-ubyte.gz"));
    const std::string labels = slurp(data_path("train-labels-idx1-ubyte.gz"));
    spill(folder / "two.gz", images + labels);
    CHECK(unpack(folder / "two.gz") == tiny_images() + tiny_labels());
  }

  TEST_CASE("cut at every byte, it is cut short") {
    const TemporaryDirectory folder;
    const std::string whole = slurp(data_path("train-images-idx3-ubyte.gz"));
    for (std::size_t size = 2; size < whole.size(); ++size) {
      spill(folder / "cut.gz", whole.substr(0, size));
      check_parts(error_of([&] { unpack(folder / "cut.gz"); }),
                  {"[gzip] ", "/cut.gz is cut short"});
    }
  }

  TEST_CASE("every flipped bit is noticed unless it changes nothing") {
    const TemporaryDirectory folder;
    const std::string whole = slurp(data_path("train-images-idx3-ubyte.gz"));
    int unnoticed = 0;
    for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
      std::string bytes = whole;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
      spill(folder / "flip.gz", bytes);
      std::string unpacked;
      const std::string message = error_of([&] { unpacked = unpack(folder / "flip.gz"); });
      const bool harmless = message.empty() && unpacked == tiny_images();
      CHECK_MESSAGE((!message.empty() || harmless), "bit ", bit);
      unnoticed += harmless;
    }
    // The header's time, compression level and system (6 bytes), a flag for text, and the padding
    // behind the last code.
    CHECK(unnoticed <= 6 * 8 + 1 + 7);
  }

  TEST_CASE("a wrong checksum, something behind the data, and a wrong name") {
    const TemporaryDirectory folder;
    const std::string whole = slurp(data_path("train-labels-idx1-ubyte.gz"));
    std::string bytes = whole;
    bytes[bytes.size() - 8] ^= 1;
    spill(folder / "crc.gz", bytes);
    check_parts(error_of([&] { unpack(folder / "crc.gz"); }),
                {"/crc.gz is damaged: ", "data check"});
    spill(folder / "tail.gz", whole + "tail");
    check_parts(error_of([&] { unpack(folder / "tail.gz"); }),
                {"/tail.gz: something that is not gzip follows the data"});
    spill(folder / "zeros.gz", whole + std::string(3, '\0'));
    check_parts(error_of([&] { unpack(folder / "zeros.gz"); }), {"not gzip follows"});
    for (const std::string& wrong : {tiny_labels(), std::string()}) {
      spill(folder / "plain.gz", wrong);
      check_parts(error_of([&] { unpack(folder / "plain.gz"); }),
                  {"/plain.gz is named like a gzip file but does not begin as one"});
    }
  }
}

TEST_SUITE("io idx") {
  TEST_CASE("images and labels, in every spelling of the names") {
    for (const std::string separator : {"-", "."}) {
      for (const bool packed : {false, true}) {
        const TemporaryDirectory folder;
        for (const std::string name : {"images-idx3", "labels-idx1"}) {
          std::string spelled = "t10k-" + name + "-ubyte" + (packed ? ".gz" : "");
          spelled.replace(11, 1, separator);
          const bool images = name.front() == 'i';
          spill(folder / spelled, packed   ? slurp(data_path("train-" + name + "-ubyte.gz"))
                                  : images ? tiny_images()
                                           : tiny_labels());
        }
        // Some archives unpack to a folder of the same name.
        if (packed || separator == ".") fs::create_directory(folder / "t10k-images-idx3-ubyte");
        const ImageSet set = load_mnist(folder.path(), Split::test);
        CHECK(set.shape() == Shape{5, 4, 3, 1});
        CHECK(equal(set.labels(Tensor::arange(0, 5)), Tensor::from({9, 8, 7, 6, 5}, {5})));
        check_parts(error_of([&] { load_mnist(folder.path(), Split::train); }),
                    {"[load_mnist] ", "holds no train-images-idx3-ubyte, neither with .gz"});
      }
    }
  }

  TEST_CASE("a batch holds the chosen images on [-1,1]") {
    const ImageSet set = load_mnist(data_path(""), Split::train);
    CHECK(set.count() == 5);
    CHECK(set.height() == 4);
    CHECK(set.width() == 3);
    CHECK(set.channels() == 1);
    CHECK(set.has_labels());
    const Tensor index = Tensor::from({4, 0, 4}, {3});
    const Tensor batch = set.batch(index);
    CHECK(batch.shape() == Shape{3, 4, 3, 1});
    for (const Index b : {0, 1, 2}) {
      for (Index p = 0; p < 12; ++p) {
        const Index k = (b == 1 ? 0 : 4) * 12 + p;
        const auto byte = static_cast<double>((7 * k + 3) % 256);
        CHECK(batch.at({b, p / 3, p % 3, 0}) == static_cast<Real>(byte / 127.5 - 1));
      }
    }
    CHECK(equal(set.labels(index), Tensor::from({5, 9, 5}, {3})));
    CHECK(set.batch(Tensor::zeros({0})).shape() == Shape{0, 4, 3, 1});
  }

  TEST_CASE("a wrong index, wrong sizes and missing labels are named") {
    const ImageSet set = load_mnist(data_path(""), Split::train);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    for (const double wrong : {-1.0, 5.0, 1e30, nan}) {
      check_parts(error_of([&] {
                    set.batch(Tensor::from({0, wrong}, {2}));
                  }),
                  {"[batch] the index ", "is out of range for 5 images"});
      check_parts(error_of([&] { set.labels(Tensor::from({wrong}, {1})); }),
                  {"[labels] the index "});
    }
    check_parts(error_of([&] {
                  set.batch(Tensor::zeros({1, 1}));
                }),
                {"expected indices of shape (b), got (1,1)"});
    const ImageSet bare({1, 1, 2, 1}, {1, 2});
    CHECK(!bare.has_labels());
    check_parts(error_of([&] { bare.labels(Tensor::zeros({1})); }),
                {"these images have no labels"});
    check_parts(error_of([] {
                  ImageSet({1, 1, 2, 1}, {1, 2, 3});
                }),
                {"expected 2 bytes for the shape (1,1,2,1), got 3"});
    check_parts(error_of([] {
                  ImageSet({1, 1, 1, 1}, {1}, {1, 2});
                }),
                {"expected a label for each of 1 images, got 2"});
    check_parts(error_of([] { ImageSet({0, 1, 1, 1}, {}); }), {"at least 1, got (0,1,1,1)"});
  }

  TEST_CASE("MNIST itself") {
    const fs::path directory = fs::path(INK_SOURCE_DIR) / "data/mnist";
    const ImageSet train = load_mnist(directory, Split::train);
    const ImageSet test = load_mnist(directory, Split::test);
    CHECK(train.shape() == Shape{60000, 28, 28, 1});
    CHECK(test.shape() == Shape{10000, 28, 28, 1});
    CHECK(equal(train.labels(Tensor::arange(0, 5)), Tensor::from({5, 0, 4, 1, 9}, {5})));
    // The mean pixel is 33.3 of 255.
    double sum = 0;
    for (Index first = 0; first < 60000; first += 6000) {
      const Tensor batch = train.batch(Tensor::arange(first, first + 6000));
      for (const Real value : batch.to_vector()) sum += static_cast<double>(value);
    }
    CHECK(std::abs((sum / (60000.0 * 784) + 1) * 127.5 - 33.318) < 0.001);
  }

  TEST_CASE("cut at every byte, it is cut short") {
    const TemporaryDirectory folder;
    const std::string whole = tiny_images();
    for (std::size_t size = 0; size < whole.size(); ++size) {
      spill(folder / "cut", whole.substr(0, size));
      check_parts(error_of([&] { read_idx(folder / "cut", 3); }), {"[read_idx] ", "is cut short"});
    }
    spill(folder / "cut", whole.substr(0, 20));
    check_parts(error_of([&] { read_idx(folder / "cut", 3); }),
                {"announces 60 bytes of data, got 4"});
  }

  TEST_CASE("too long, swapped, another file, sizes that no image has") {
    const TemporaryDirectory folder;
    const auto message = [&](const std::string& bytes, int axes) {
      spill(folder / "file", bytes);
      return error_of([&] { read_idx(folder / "file", axes); });
    };
    check_parts(message(tiny_images() + "x", 3),
                {"/file is too long: its header announces 60 bytes of data, and more follow"});
    check_parts(
        message(tiny_labels(), 3),
        {"holds labels (magic number 0x00000801), expected images (0x00000803): are the files "
         "swapped?"});
    check_parts(message(tiny_images(), 1), {"holds images", "expected labels", "swapped?"});
    check_parts(
        message("<!DOCTYPE html>", 3),
        {"is not an IDX file of images: expected the magic number 0x00000803, got 0x3c21444f"});
    check_parts(message(idx_file(0xd03, {1, 1, 1}, "1234"), 3), {"got 0x00000d03"});
    check_parts(message(idx_file(0x803, {0, 4, 3}, ""), 3), {"holds no images"});
    check_parts(message(idx_file(0x801, {0}, ""), 1), {"holds no labels"});
    check_parts(message(idx_file(0x803, {1, 0, 3}, ""), 3), {"announces images of 0 x 3 pixels"});
    check_parts(message(idx_file(0x803, {1, 4, 0xffffffff}, ""), 3),
                {"announces images of 4 x 4294967295 pixels, expected 1 to 16384"});
    // 2^60 bytes are announced and none is allocated.
    check_parts(message(idx_file(0x803, {0xffffffff, 16384, 16384}, "1234"), 3),
                {"is cut short", "got 4"});
    check_parts(error_of([&] { read_idx(folder / "file", 2); }), {"expected 1 axis", "got 2"});
  }

  TEST_CASE("a missing folder, missing labels, counts that disagree") {
    const TemporaryDirectory folder;
    check_parts(error_of([&] { load_mnist(folder / "nothing", Split::train); }),
                {"[load_mnist] ", "/nothing: there is no such directory"});
    spill(folder / "train-images-idx3-ubyte", tiny_images());
    check_parts(error_of([&] { load_mnist(folder.path(), Split::train); }),
                {"holds no train-labels-idx1-ubyte"});
    spill(folder / "train-labels-idx1-ubyte", idx_file(0x801, {4}, "abcd"));
    check_parts(error_of([&] { load_mnist(folder.path(), Split::train); }),
                {"train-images-idx3-ubyte holds 5 images but ", "idx1-ubyte holds 4 labels"});
  }
}
