// io/safetensors: round trips, files of the reference library, and everything that can be wrong.
#include <sys/resource.h>

#include <bit>
#include <cmath>
#include <csignal>
#include <cstring>
#include <limits>
#include <thread>
#include <vector>

#include "io/safetensors.h"
#include "tensor/ops.h"
#include "tests/test_io_support.h"

using namespace ink;
using namespace ink::test;

namespace {

constexpr bool kDouble = sizeof(Real) == sizeof(double);

std::string with_length(std::uint64_t length, const std::string& rest) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + rest;
}

std::string file_of(const std::string& header, std::size_t data_bytes = 0) {
  return with_length(header.size(), header + std::string(data_bytes, '\0'));
}

// {"a": the given description}
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"a":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets +
         "}}";
}

NamedTensors sample() {
  NamedTensors file;
  file.add("z.weight", Tensor::from({1.5, -2, 0.25, 1e-30, 3, 4}, {2, 3}));
  file.add("a scalar", Tensor::scalar(-7));
  file.add("empty", Tensor::zeros({2, 0}));
  file.add("\"\n\xc3\xbc", Tensor::arange(0, 5));
  file.metadata = {{"step", "18446744073709551615"}, {"note", "\xc3\xbc \"\n"}};
  return file;
}

void check_same(const NamedTensors& a, const NamedTensors& b) {
  CHECK(a.metadata == b.metadata);
  REQUIRE(a.tensors.size() == b.tensors.size());
  for (std::size_t i = 0; i < a.tensors.size(); ++i) {
    CHECK(a.tensors[i].first == b.tensors[i].first);
    CHECK(equal(a.tensors[i].second, b.tensors[i].second));
  }
}

}  // namespace

TEST_SUITE("io safetensors") {
  TEST_CASE("what is written is read: names, order, shapes, bits, metadata") {
    const TemporaryDirectory folder;
    write_safetensors(folder / "file", sample());
    check_same(read_safetensors(folder / "file"), sample());
    CHECK(folder.count() == 1);
    // The data begin at a multiple of 8.
    std::uint64_t length = 0;
    const std::string bytes = slurp(folder / "file");
    std::memcpy(&length, bytes.data(), 8);
    CHECK(length % 8 == 0);
    CHECK(bytes.size() == 8 + length + 12 * sizeof(Real));
    CHECK(bytes.find(kDouble ? "\"F64\"" : "\"F32\"") != std::string::npos);
  }

  TEST_CASE("nothing at all is a file, and so is metadata alone") {
    const TemporaryDirectory folder;
    NamedTensors file;
    write_safetensors(folder / "file", file);
    check_same(read_safetensors(folder / "file"), file);
    file.metadata["a"] = "b";
    write_safetensors(folder / "file", file);
    check_same(read_safetensors(folder / "file"), file);
  }

  TEST_CASE("views are written as what they show, NaN and infinities as they are") {
    const TemporaryDirectory folder;
    const double inf = std::numeric_limits<double>::infinity();
    const Tensor x = Tensor::from({1, 2, 3, inf, -inf, std::nan("")}, {2, 3});
    NamedTensors file;
    file.add("transposed", x.transpose(0, 1));
    file.add("slice", x.slice(1, 1, 3));
    file.add("repeated", x.slice(0, 0, 1).expand({2, 3}));
    write_safetensors(folder / "file", file);
    check_same(read_safetensors(folder / "file"), file);
  }

  TEST_CASE("tensors are found by name") {
    const NamedTensors file = sample();
    REQUIRE(file.find("a scalar") != nullptr);
    CHECK(file.find("a scalar")->item() == -7);
    CHECK(file.find("b") == nullptr);
    CHECK(file.at("empty").shape() == Shape{2, 0});
    CHECK(error_of([&] { file.at("b\n"); }) == R"([safetensors] there is no tensor "b\n" among 4)");
  }

  TEST_CASE("a file of the reference library: every dtype") {
    const NamedTensors file = read_safetensors(data_path("dtypes.safetensors"));
    CHECK(file.metadata.at("note") == "\xc3\xbcn\xc3\xaf \"quoted\"\n");
    CHECK(file.at("scalar").item() == Real(2.5));
    CHECK(file.at("scalar").axes() == 0);
    CHECK(file.at("empty").shape() == Shape{0, 3});
    CHECK(equal(file.at("u8"), Tensor::from({0, 1, 127, 128, 255}, {5})));
    CHECK(equal(file.at("i64"),
                Tensor::from({0, 1, -1, 16777216, -16777216, 1099511627776}, {2, 3})));
    CHECK(equal(file.at("f16"), file.at("f16 as f64")));
    CHECK(equal(file.at("bf16"), file.at("bf16 as f64")));

    const double inf = std::numeric_limits<double>::infinity();
    const std::vector<double> numbers = {0,       -0.0,           1,   -1.5, 65504,        0x1p-14,
                                         0x1p-24, 1023 * 0x1p-24, inf, -inf, std::nan(""), 1.0 / 3};
    for (const char* name : {"f64", "f32", "f16"}) {
      const std::vector<Real> got = file.at(name).to_vector();
      REQUIRE(got.size() == numbers.size());
      for (std::size_t i = 0; i + 1 < numbers.size(); ++i) {
        CAPTURE(i);
        CHECK((got[i] == static_cast<Real>(numbers[i]) || std::isnan(numbers[i])));
        CHECK(std::isnan(got[i]) == std::isnan(numbers[i]));
        CHECK(std::signbit(got[i]) == std::signbit(static_cast<Real>(numbers[i])));
      }
    }
    CHECK(file.at("f64").at({11}) == static_cast<Real>(1.0 / 3));
    CHECK(file.at("f32").at({11}) == static_cast<Real>(1.0F / 3.0F));
  }

  TEST_CASE("all 65536 halves") {
    const TemporaryDirectory folder;
    std::string data;
    for (int bits = 0; bits < 65536; ++bits) {
      data += static_cast<char>(bits & 255);
      data += static_cast<char>(bits >> 8);
    }
    const std::string header = one("\"F16\"", "[65536]", "[0,131072]");
    spill(folder / "file", with_length(header.size(), header + data));
    const std::vector<Real> got = read_safetensors(folder / "file").at("a").to_vector();
    for (int bits = 0; bits < 65536; ++bits) {
      // By the definition: (-1)^s 2^(e-15) (1 + f/1024), or 2^-14 f/1024 where e = 0.
      const int s = bits >> 15, e = bits >> 10 & 31, f = bits & 1023;
      double value = e == 0 ? f / 1024.0 * 0x1p-14 : (1 + f / 1024.0) * std::exp2(e - 15);
      if (e == 31) value = std::numeric_limits<double>::infinity();
      if (s == 1) value = -value;
      const auto real = static_cast<double>(got[static_cast<std::size_t>(bits)]);
      const bool right = e == 31 && f != 0 ? std::isnan(real) : real == value;
      if (!right) FAIL("half ", bits, " became ", real);
    }
  }

  TEST_CASE("large tensors of another dtype are converted piece by piece") {
    const TemporaryDirectory folder;
    std::string data;
    for (int i = 0; i < 10'000; ++i) data += static_cast<char>(i % 251);
    const std::string header = one("\"U8\"", "[100,100]", "[0,10000]");
    spill(folder / "file", with_length(header.size(), header + data));
    const std::vector<Real> got = read_safetensors(folder / "file").at("a").to_vector();
    for (std::size_t i = 0; i < got.size(); ++i) REQUIRE(got[i] == static_cast<Real>(i % 251));
  }

  TEST_CASE("entries may stand in any order, with spaces around and unknown members") {
    const TemporaryDirectory folder;
    const std::string header =
        R"({ "b": {"dtype":"U8","shape":[2],"data_offsets":[1,3]}, "e": {"dtype":"F32",)"
        R"("shape":[0],"data_offsets":[1,1]}, "a": {"x":[1], "dtype":"U8","shape":[],)"
        R"("data_offsets":[0,1]} }   )";
    spill(folder / "file", file_of(header, 3));
    const NamedTensors file = read_safetensors(folder / "file");
    REQUIRE(file.tensors.size() == 3);
    CHECK(file.tensors[0].first == "a");
    CHECK(file.tensors[1].first == "e");
    CHECK(file.tensors[2].first == "b");
  }

  TEST_CASE("a malformed file is named with what is wrong") {
    const TemporaryDirectory folder;
    struct Case {
      std::string bytes, part;
    };
    const std::string good = R"({"dtype":"U8","shape":[2],"data_offsets":[0,2]})";
    const std::string next = R"({"dtype":"U8","shape":[2],"data_offsets":[)";
    const std::string deep(100'000, '[');
    const Case cases[] = {
        {"", "/file is cut short: 0 bytes are no safetensors file"},
        {with_length(0, ""), "announces a header of 0 bytes"},
        {with_length(~0ULL, "{}"), "announces a header of 18446744073709551615 bytes"},
        {with_length(100'000'001, "{}"), "announces a header of 100000001 bytes"},
        {with_length(3, "{}"), "is cut short: it announces a header of 3 bytes, and 2 follow"},
        {file_of("{\"a\":"), "the header is not valid JSON at its byte 6"},
        {file_of("{\"a\xff\":1}"), "the header is not valid JSON"},
        {file_of("{\"a\":1e999}"), "the header is not valid JSON"},
        {file_of("{}x"), "the header is not valid JSON"},
        {file_of("[]"), "the header is not a JSON object"},
        {file_of("\"text\""), "the header is not a JSON object"},
        {file_of(deep), "the header is nested too deeply"},
        {file_of("{\"a\":" + good + ",\"a\":" + good + "}", 2), "the name \"a\" occurs twice"},
        {file_of(R"({"a":{"dtype":"U8","dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 2),
         "the name \"dtype\" occurs twice"},
        {file_of("{\"a\":1}"), "the tensor \"a\" is not described by an object"},
        {file_of("{\"a\":{}}"), "the tensor \"a\" has no dtype"},
        {file_of(one("7", "[2]", "[0,2]"), 2), "has no dtype"},
        {file_of(one("\"F8_E4M3\"", "[2]", "[0,2]"), 2), "the dtype \"F8_E4M3\", expected F64,"},
        {file_of(one("\"U8\"", "2", "[0,2]"), 2), "has no shape of whole numbers"},
        {file_of(one("\"U8\"", "[2.0]", "[0,2]"), 2), "has no shape of whole numbers"},
        {file_of(one("\"U8\"", "[-2]", "[0,2]"), 2), "has no shape of whole numbers"},
        {file_of(one("\"U8\"", "[1,1,1,1,1,1,2]", "[0,2]"), 2), "has 7 axes, expected at most 6"},
        {file_of(one("\"U8\"", "[2]", "[0]"), 2), "has no data_offsets of two whole numbers"},
        {file_of(one("\"U8\"", "[2]", "{}"), 2), "has no data_offsets of two whole numbers"},
        {file_of(one("\"U8\"", "[2]", "[0,3]"), 2), "lies at the bytes 0 to 3 of 2"},
        {file_of(one("\"U8\"", "[2]", "[2,0]"), 2), "lies at the bytes 2 to 0 of 2"},
        {file_of(one("\"U8\"", "[3]", "[0,2]"), 2),
         "the shape (3) of U8, which does not fit its 2"},
        {file_of(one("\"F32\"", "[2]", "[0,2]"), 2), "the shape (2) of F32, which does not fit"},
        {file_of(one("\"U8\"", "[4294967296,4294967296]", "[0,2]"), 2), "does not fit its 2 bytes"},
        {file_of(one("\"U8\"", "[0,18446744073709551615]", "[0,0]")), "does not fit its 0 bytes"},
        {file_of("{\"a\":" + good + ",\"b\":" + next + "1,3]}}", 3),
         "the tensor \"b\" overlaps another at its byte 1"},
        {file_of("{\"a\":" + good + ",\"b\":" + next + "0,2]}}", 2), "overlaps another"},
        {file_of("{\"a\":" + good + ",\"b\":" + next + "3,5]}}", 5),
         "the bytes 2 to 3 belong to no tensor"},
        {file_of("{\"a\":" + good + "}", 4), "the bytes 2 to 4 belong to no tensor"},
        {file_of("{\"__metadata__\":[]}"), "__metadata__ is not an object"},
        {file_of("{\"__metadata__\":{\"a\":1}}"), "the metadata \"a\" is not a string"},
    };
    for (const Case& wrong : cases) {
      spill(folder / "file", wrong.bytes);
      check_parts(error_of([&] { read_safetensors(folder / "file"); }),
                  {"[safetensors] ", "/file", wrong.part});
    }
    check_parts(error_of([&] { read_safetensors(folder / "nothing"); }),
                {"/nothing: No such file or directory"});
    check_parts(error_of([&] { read_safetensors(folder.path()); }), {"Is a directory"});
  }

  TEST_CASE("cut at every byte, it is an error") {
    const TemporaryDirectory folder;
    write_safetensors(folder / "file", sample());
    const std::string whole = slurp(folder / "file");
    for (std::size_t size = 0; size < whole.size(); ++size) {
      spill(folder / "cut", whole.substr(0, size));
      CHECK(!error_of([&] { read_safetensors(folder / "cut"); }).empty());
    }
  }

  TEST_CASE("with any bit flipped, it is read or it is an error") {
    const TemporaryDirectory folder;
    write_safetensors(folder / "file", sample());
    const std::string whole = slurp(folder / "file");
    for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
      std::string bytes = whole;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
      spill(folder / "flip", bytes);
      error_of([&] { read_safetensors(folder / "flip"); });
    }
  }

  TEST_CASE("what must not be written") {
    const TemporaryDirectory folder;
    const auto message = [&](const std::string& name, const Tensor& tensor) {
      NamedTensors file;
      file.add("a", Tensor::zeros({1}));
      file.add(name, tensor);
      return error_of([&] { write_safetensors(folder / "file", file); });
    };
    check_parts(message("a", Tensor::zeros({1})), {"the name \"a\" is given to two tensors"});
    check_parts(message("__metadata__", Tensor::zeros({1})), {"\"__metadata__\" is reserved"});
    check_parts(message("b", Tensor()), {"the tensor \"b\" is undefined"});
    check_parts(message("\xff", Tensor::zeros({1})), {"is not UTF-8"});
    NamedTensors file;
    file.metadata["a"] = "\xff";
    check_parts(error_of([&] { write_safetensors(folder / "file", file); }), {"is not UTF-8"});
    CHECK(folder.count() == 0);
  }

  TEST_CASE("a full disk leaves the old checkpoint") {
    const TemporaryDirectory folder;
    write_safetensors(folder / "file", sample());
    NamedTensors large;
    large.add("a", Tensor::zeros({100'000}));
    const std::string message = in_child([&] {
      const rlimit limit{100'000, 100'000};
      ::setrlimit(RLIMIT_FSIZE, &limit);
      std::signal(SIGXFSZ, SIG_IGN);
      return error_of([&] { write_safetensors(folder / "file", large); });
    });
    check_parts(message, {"[write_file] cannot write ", "/file: File too large"});
    check_same(read_safetensors(folder / "file"), sample());
    CHECK(folder.count() == 1);
  }

  TEST_CASE("kill -9 at any moment leaves a checkpoint that loads") {
    const TemporaryDirectory folder;
    std::vector<NamedTensors> files(2);
    for (std::size_t i = 0; i < 2; ++i) {
      files[i].add("a", Tensor::full({100, 1000}, static_cast<Real>(i)));
      files[i].add("b", Tensor::full({50'000}, static_cast<Real>(i)));
      files[i].metadata["i"] = std::to_string(i);
    }
    write_safetensors(folder / "file", files[0]);
    for (int round = 0; round < 25; ++round) {
      const pid_t child = ::fork();
      REQUIRE(child >= 0);
      if (child == 0) {
        for (std::size_t i = 0;; i = 1 - i) write_safetensors(folder / "file", files[i]);
      }
      // Sooner or later in the course of a write: 0 to 12 ms.
      std::this_thread::sleep_for(std::chrono::microseconds(500 * round));
      ::kill(child, SIGKILL);
      int status = 0;
      ::waitpid(child, &status, 0);
      CHECK(WIFSIGNALED(status));
      const NamedTensors got = read_safetensors(folder / "file");
      check_same(got, files[got.metadata.at("i") == "1"]);
    }
  }
}
