// io/image, io/image_folder: pictures in and out.
#include <cmath>
#include <limits>
#include <vector>

#include "io/file.h"
#include "io/image.h"
#include "io/image_folder.h"
#include "io/safetensors.h"
#include "tensor/ops.h"
#include "tests/test_io_support.h"

namespace fs = std::filesystem;
using namespace ink;
using namespace ink::test;

namespace {

const NamedTensors& expected() {
  static const NamedTensors file = read_safetensors(data_path("expected.safetensors"));
  return file;
}

// max |got - expected| in bytes; infinite when the sizes differ.
double worst(const Picture& got, const Tensor& expected) {
  if (expected.shape() != Shape{got.height, got.width, got.channels}) return INFINITY;
  const std::vector<Real> values = expected.to_vector();
  double result = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    result = std::max(result, std::abs(got.pixels[i] - static_cast<double>(values[i])));
  }
  return result;
}

std::string message_of(const fs::path& path) {
  return error_of([&] { read_picture(path, 3); });
}

// Grey or RGB with a byte of its own in every place.
Picture ramp(Index height, Index width, Index channels) {
  Picture picture{height, width, channels, {}};
  for (Index i = 0; i < height * width * channels; ++i) {
    picture.pixels.push_back(static_cast<std::uint8_t>(i * 37 % 256));
  }
  return picture;
}

}  // namespace

TEST_SUITE("io image") {
  TEST_CASE("PNG files of every kind show what they show elsewhere") {
    for (const char* name :
         {"grey.png", "rgb.png", "palette.png", "two_colours.png", "sixteen_bits.png", "rgba.png",
          "grey_alpha.png", "palette_clear.png"}) {
      CAPTURE(name);
      CHECK(worst(read_picture(data_path(name), 3), expected().at(name)) == 0);
    }
  }

  TEST_CASE("JPEG files too, up to rounding") {
    // Each decoder may be off by one in each of Y, Cb, Cr; blue is Y + 1.772 Cb.
    for (const char* name : {"rgb.jpg", "progressive.jpg", "restart.jpg"}) {
      CAPTURE(name);
      CHECK(worst(read_picture(data_path(name), 3), expected().at(name)) <= 2 * (1 + 1.772));
    }
    CHECK(worst(read_picture(data_path("grey.jpg"), 3), expected().at("grey.jpg")) <= 2);
  }

  TEST_CASE("grey of a colour picture") {
    const Picture rgb = read_picture(data_path("rgb.png"), 3);
    const Picture grey = read_picture(data_path("rgb.png"), 1);
    REQUIRE(grey.pixels.size() * 3 == rgb.pixels.size());
    for (std::size_t i = 0; i < grey.pixels.size(); ++i) {
      const auto* p = &rgb.pixels[3 * i];
      const double luma = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];  // ITU-R BT.601
      CHECK(std::abs(grey.pixels[i] - luma) <= 1.5);
    }
    const Picture same = read_picture(data_path("grey.png"), 1);
    CHECK(worst(same, expected().at("grey.png").slice(2, 0, 1)) == 0);
    check_parts(error_of([] { read_picture(data_path("rgb.png"), 2); }), {"expected 1 channel"});
  }

  TEST_CASE("the middle square is resampled as PyTorch does it") {
    const Picture photo = read_picture(data_path("photo.png"), 3);
    for (const Index size : {1, 4, 9, 17, 40}) {
      CAPTURE(size);
      const Picture got = crop_and_resize(photo, size);
      CHECK(got.height == size);
      // Half a byte for rounding, and the rounding of the file's floats near 255.
      CHECK(worst(got, expected().at(fmt::format("photo {}", size))) <= 0.5 + 255 * 0x1p-22);
    }
  }

  TEST_CASE("a picture of the right size stays as it is; a tall one is cut above and below") {
    const Picture picture = ramp(5, 5, 1);
    CHECK(crop_and_resize(picture, 5).pixels == picture.pixels);
    const Picture tall = ramp(8, 5, 3);
    const Picture cut = crop_and_resize(tall, 5);
    CHECK(std::equal(cut.pixels.begin(), cut.pixels.end(), tall.pixels.begin() + 15));
    CHECK(crop_and_resize(ramp(1, 1, 3), 7).pixels.size() == 7 * 7 * 3);
    for (const Index size : {-1, 0, 1 << 20}) {
      check_parts(error_of([&] { crop_and_resize(picture, size); }),
                  {"[crop_and_resize] expected"});
    }
  }

  TEST_CASE("cut at every byte or with wrong bytes, a picture is an error") {
    const TemporaryDirectory folder;
    for (const char* name : {"palette_clear.png", "rgb.png", "grey.jpg", "progressive.jpg"}) {
      CAPTURE(name);
      const std::string whole = slurp(data_path(name));
      for (std::size_t size = 0; size < whole.size(); ++size) {
        spill(folder / "cut", whole.substr(0, size));
        const std::string part = size < 8 ? "/cut is " : "/cut is cut short";
        check_parts(message_of(folder / "cut"), {"[read_picture] ", part});
      }
    }
  }

  TEST_CASE("every flipped bit of a PNG is noticed") {
    const TemporaryDirectory folder;
    const std::string whole = slurp(data_path("rgb.png"));
    for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
      std::string bytes = whole;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
      spill(folder / "flip", bytes);
      CAPTURE(bit);
      CHECK(!message_of(folder / "flip").empty());
    }
  }

  TEST_CASE("a JPEG with flipped bits is read or it is an error") {
    const TemporaryDirectory folder;
    for (const char* name : {"grey.jpg", "progressive.jpg", "restart.jpg"}) {
      const std::string whole = slurp(data_path(name));
      for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
        std::string bytes = whole;
        bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
        spill(folder / "flip", bytes);
        message_of(folder / "flip");
      }
    }
  }

  TEST_CASE("no picture, a damaged one, a missing one") {
    const TemporaryDirectory folder;
    spill(folder / "file.png", "GIF89a and so on");
    check_parts(message_of(folder / "file.png"), {"/file.png is neither a PNG nor a JPEG file"});
    std::string bytes = slurp(data_path("rgb.png"));
    bytes[50] ^= 4;
    spill(folder / "file.png", bytes);
    check_parts(message_of(folder / "file.png"), {"/file.png is damaged: a checksum is wrong"});
    bytes = slurp(data_path("rgb.jpg"));
    bytes[20] = 0;
    spill(folder / "file.jpg", bytes.substr(0, 20) + "xx" + bytes.substr(20));
    check_parts(message_of(folder / "file.jpg"),
                {"/file.jpg is damaged: a marker or a table is wrong"});
    // A Huffman table of more codes than bytes, which stb_image 2.27 writes past its end.
    bytes = slurp(data_path("rgb.jpg"));
    const std::size_t table = bytes.find("\xff\xc4") + 5;
    for (std::size_t i = 0; i < 16; ++i) bytes[table + i] = '\xff';
    spill(folder / "file.jpg", bytes);
    check_parts(message_of(folder / "file.jpg"), {"/file.jpg is damaged: a marker or a table"});
    // From the first marker straight to the last.
    spill(folder / "file.jpg", std::string("\xff\xd8\xff\xd9", 4));
    check_parts(message_of(folder / "file.jpg"), {"/file.jpg is damaged: "});
    check_parts(message_of(folder / "none.png"), {"/none.png: No such file or directory"});
  }

  TEST_CASE("a PNG holds every byte, and clamps what lies outside") {
    const TemporaryDirectory folder;
    for (const Index channels : {1, 3}) {
      const ImageSet set({1, 16, 48 / channels, channels}, ramp(16, 48, 1).pixels);
      const Tensor image = set.batch(Tensor::zeros({1})).squeeze(0);
      save_png(folder / "file.png", image);
      const Picture picture = read_picture(folder / "file.png", channels);
      CHECK(picture.height == 16);
      CHECK(picture.width == 48 / channels);
      CHECK(picture.pixels == ramp(16, 48, 1).pixels);
    }
    const double inf = std::numeric_limits<double>::infinity();
    // 126.5 / 127.5 - 1 lies in the middle between two bytes and is rounded up or down.
    save_png(folder / "file.png",
             Tensor::from({-inf, -1.01, -1, 0, 1, 1.01, inf, 1e30}, {2, 4, 1}));
    const std::vector<std::uint8_t> pixels = read_picture(folder / "file.png", 1).pixels;
    CHECK(pixels == std::vector<std::uint8_t>{0, 0, 0, 128, 255, 255, 255, 255});
    CHECK(folder.count() == 1);
  }

  TEST_CASE("a view is saved as it looks") {
    const TemporaryDirectory folder;
    const Tensor image = Tensor::from({-1, -0.5, 0, 0.25, 0.5, 1}, {2, 3, 1});
    CHECK(encode_png(image.transpose(0, 1)) == encode_png(image.transpose(0, 1).clone()));
    CHECK(encode_png(image.transpose(0, 1)) != encode_png(image));
  }

  TEST_CASE("NaN, wrong shapes and unwritable places are refused") {
    const TemporaryDirectory folder;
    const double nan = std::numeric_limits<double>::quiet_NaN();
    check_parts(error_of([&] {
                  save_png(folder / "a", Tensor::from({0, nan}, {1, 2, 1}));
                }),
                {"[encode_png] an image of shape (1,2,1) has NaN at element 1"});
    for (const Shape& shape : {Shape{2, 2}, Shape{2, 2, 2}, Shape{0, 2, 1}, Shape{1, 2, 2, 1}}) {
      check_parts(error_of([&] { save_png(folder / "a", Tensor::zeros(shape)); }),
                  {"[encode_png] expected an image (H,W,1) or (H,W,3), got " + shape.to_string()});
    }
    check_parts(error_of([&] {
                  save_png(folder / "a/b", Tensor::zeros({1, 1, 1}));
                }),
                {"[write_file] cannot write ", "/a/b: No such file or directory"});
    CHECK(folder.count() == 0);
  }

  TEST_CASE("a grid: rows of columns, white padding, whole factors") {
    // Five images of 2 x 3 pixels and 2 channels; the last row has an empty cell.
    const Tensor images = Tensor::arange(0, 60).reshape({5, 2, 3, 2}) * Real(0.01);
    for (const Index scale : {1, 3}) {
      const Index padding = 2, h = 2 * scale, w = 3 * scale;
      const Tensor grid = image_grid(images, 3, padding, scale);
      REQUIRE(grid.shape() == Shape{2 * (h + 2) + 2, 3 * (w + 2) + 2, 2});
      for (Index y = 0; y < grid.size(0); ++y) {
        for (Index x = 0; x < grid.size(1); ++x) {
          const Index i = (y - 2) / (h + 2), r = (y - 2) % (h + 2);
          const Index j = (x - 2) / (w + 2), s = (x - 2) % (w + 2);
          const bool inside = y >= 2 && x >= 2 && r < h && s < w && i * 3 + j < 5;
          for (Index c = 0; c < 2; ++c) {
            const Real want = inside ? images.at({i * 3 + j, r / scale, s / scale, c}) : Real(1);
            REQUIRE(grid.at({y, x, c}) == want);
          }
        }
      }
    }
    CHECK(image_grid(images, 8, 0).shape() == Shape{2, 24, 2});
  }

  TEST_CASE("a grid of nothing or in no columns is refused") {
    const Tensor images = Tensor::zeros({1, 2, 2, 1});
    check_parts(error_of([] {
                  image_grid(Tensor::zeros({0, 2, 2, 1}), 1);
                }),
                {"[image_grid] expected images (N,H,W,C), got (0,2,2,1)"});
    check_parts(error_of([] { image_grid(Tensor::zeros({2, 2, 1}), 1); }), {"got (2,2,1)"});
    check_parts(error_of([&] { image_grid(images, 0); }), {"got 0, 2 and 1"});
    check_parts(error_of([&] { image_grid(images, 1, -1); }), {"got 1, -1 and 1"});
    check_parts(error_of([&] { image_grid(images, 1, 0, 0); }), {"got 1, 0 and 0"});
  }

  TEST_CASE("a folder of pictures, in the order of their names") {
    const TemporaryDirectory folder;
    fs::copy_file(data_path("rgb.png"), folder / "b.PNG");
    fs::copy_file(data_path("photo.png"), folder / "a.png");
    fs::copy_file(data_path("rgb.jpg"), folder / "c.JpEg");
    for (const char* skipped : {"._a.png", "readme.txt", "png"}) spill(folder / skipped, "x");
    fs::create_directory(folder / "folder.png");
    for (const Index channels : {1, 3}) {
      const ImageSet set = load_image_folder(folder.path(), 6, channels);
      CHECK(set.shape() == Shape{3, 6, 6, channels});
      CHECK(!set.has_labels());
      std::vector<std::uint8_t> pixels;
      for (const char* name : {"photo.png", "rgb.png", "rgb.jpg"}) {
        const Picture picture = crop_and_resize(read_picture(data_path(name), channels), 6);
        pixels.insert(pixels.end(), picture.pixels.begin(), picture.pixels.end());
      }
      const Tensor all = Tensor::arange(0, 3);
      CHECK(equal(set.batch(all), ImageSet(set.shape(), pixels).batch(all)));
    }
  }

  TEST_CASE("a folder without pictures, or with a damaged one") {
    const TemporaryDirectory folder;
    const auto message = [&](const fs::path& path) {
      return error_of([&] { load_image_folder(path, 8, 3); });
    };
    check_parts(message(folder / "none"),
                {"[load_image_folder] cannot read the directory ", "/none: No such file"});
    check_parts(message(folder.path()), {"holds no .png, .jpg or .jpeg file (0 other entries"});
    fs::create_directory(folder / "cats");
    spill(folder / "readme.txt", "");
    check_parts(message(folder.path()), {"(2 other entries; subfolders are not searched)"});
    check_parts(message(folder / "readme.txt"), {"/readme.txt: Not a directory"});
    fs::copy_file(data_path("rgb.png"), folder / "a.png");
    spill(folder / "b.jpg", slurp(data_path("rgb.jpg")).substr(0, 700));
    check_parts(message(folder.path()), {"[read_picture] ", "/b.jpg is cut short"});
    spill(folder / "b.jpg", "");
    check_parts(message(folder.path()), {"/b.jpg is neither a PNG nor a JPEG file"});
    fs::remove(folder / "b.jpg");
    fs::create_symlink("nowhere", folder / "b.jpg");
    check_parts(message(folder.path()), {"/b.jpg: No such file or directory"});
    fs::remove(folder / "b.jpg");
    check_parts(error_of([&] { load_image_folder(folder.path(), 0, 3); }), {"expected a size"});
  }
}
