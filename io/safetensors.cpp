#include "io/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <type_traits>

#include "io/file.h"
#include "tensor/check.h"

namespace ink {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

static_assert(std::endian::native == std::endian::little,
              "safetensors files are little-endian, and so are the machines that Inkling knows");

constexpr const char* kOp = "safetensors";
constexpr const char* kMetadata = "__metadata__";
constexpr const char* kRealName = sizeof(Real) == sizeof(float) ? "F32" : "F64";
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the limit of the reference reader
constexpr std::size_t kAlignment = 8;

// ---- number formats --------------------------------------------------------------------------

struct Half {
  std::uint16_t bits;
};
struct BFloat16 {
  std::uint16_t bits;
};

// IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits.
Real to_real(Half h) {
  const int exponent = h.bits >> 10 & 31;
  const auto fraction = static_cast<float>(h.bits & 1023);
  float magnitude = 0;
  if (exponent == 0) {
    magnitude = std::ldexp(fraction, -24);
  } else if (exponent < 31) {
    magnitude = std::ldexp(1024 + fraction, exponent - 25);
  } else {
    magnitude = fraction == 0 ? std::numeric_limits<float>::infinity()
                              : std::numeric_limits<float>::quiet_NaN();
  }
  return h.bits >> 15 ? -magnitude : magnitude;
}

// The upper half of a binary32.
Real to_real(BFloat16 b) { return std::bit_cast<float>(std::uint32_t{b.bits} << 16); }

template <class Number>
Real to_real(Number number) {
  return static_cast<Real>(number);
}

// Reads `count` elements stored as Stored into `out`, through a small buffer unless they are Real
// already. False at the end of the file.
template <class Stored>
bool read_elements(FileReader& file, Real* out, Index count) {
  if constexpr (std::is_same_v<Stored, Real>) {
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(Real);
    return file.read(out, bytes) == bytes;
  } else {
    std::array<Stored, 4096> buffer;
    while (count > 0) {
      const Index part = std::min<Index>(count, buffer.size());
      const std::size_t bytes = static_cast<std::size_t>(part) * sizeof(Stored);
      if (file.read(buffer.data(), bytes) != bytes) return false;
      out = std::transform(buffer.begin(), buffer.begin() + part, out,
                           [](Stored x) { return to_real(x); });
      count -= part;
    }
    return true;
  }
}

struct Format {
  const char* name;
  std::uint64_t bytes;
  bool (*read)(FileReader&, Real*, Index);
};

template <class Stored>
constexpr Format format_of(const char* name) {
  return {name, sizeof(Stored), read_elements<Stored>};
}

constexpr Format kFormats[] = {
    format_of<double>("F64"),    format_of<float>("F32"),        format_of<Half>("F16"),
    format_of<BFloat16>("BF16"), format_of<std::int64_t>("I64"), format_of<std::uint8_t>("U8"),
};

// ---- the header ------------------------------------------------------------------------------

// A name as it stands in an error: quoted, on one line, not endless.
std::string in_quotes(std::string_view name) {
  constexpr std::size_t kMaxBytes = 120;
  std::string text(name.substr(0, kMaxBytes));
  if (name.size() > kMaxBytes) text += "...";
  return json(text).dump(-1, ' ', true, json::error_handler_t::replace);
}

// Where a tensor lies in the data, in bytes.
struct Entry {
  std::string name;
  const Format* format = nullptr;
  Shape shape;
  std::uint64_t begin = 0, end = 0;
};

// Reads the length of the header and its text, and leaves the file at the data.
std::string read_header_text(FileReader& file) {
  const std::string path = file.path().string();
  std::uint64_t length = 0;
  check(file.read(&length, sizeof length) == sizeof length, kOp,
        "{} is cut short: {} bytes are no safetensors file", path, file.size());
  check(length >= 2 && length <= kMaxHeaderBytes, kOp,
        "{} is not a safetensors file: it announces a header of {} bytes", path, length);
  check(length <= file.size() - sizeof length, kOp,
        "{} is cut short: it announces a header of {} bytes, and {} follow", path, length,
        file.size() - sizeof length);
  std::string text(static_cast<std::size_t>(length), ' ');
  check(file.read(text.data(), text.size()) == text.size(), kOp, "{} is cut short in its header",
        path);
  return text;
}

// Parses the header. JSON lets a later name replace an earlier one; here it is an error, as it is
// in the reference reader.
json parse_header(const std::string& text, const std::string& path) {
  std::vector<std::set<std::string>> names;  // of the objects that are open
  const auto watch = [&](int depth, json::parse_event_t event, const json& parsed) {
    check(depth <= 4, kOp, "{}: the header is nested too deeply", path);
    if (event == json::parse_event_t::object_start) names.emplace_back();
    if (event == json::parse_event_t::object_end) names.pop_back();
    if (event == json::parse_event_t::key) {
      const auto& name = parsed.get_ref<const std::string&>();
      check(names.back().insert(name).second, kOp, "{}: the name {} occurs twice in the header",
            path, in_quotes(name));
    }
    return true;
  };
  try {
    json header = json::parse(text, watch);
    check(header.is_object(), kOp, "{}: the header is not a JSON object", path);
    return header;
  } catch (const json::parse_error& error) {
    fail(kOp, "{}: the header is not valid JSON at its byte {}", path, error.byte);
  } catch (const json::exception&) {
    fail(kOp, "{}: the header is not valid JSON", path);
  }
}

std::map<std::string, std::string> parse_metadata(const json& value, const std::string& path) {
  check(value.is_object(), kOp, "{}: {} is not an object", path, kMetadata);
  std::map<std::string, std::string> metadata;
  for (const auto& [name, text] : value.items()) {
    check(text.is_string(), kOp, "{}: the metadata {} is not a string", path, in_quotes(name));
    metadata[name] = text.get<std::string>();
  }
  return metadata;
}

// A list of whole numbers; false when `value` is anything else.
bool parse_integers(const json& value, std::vector<std::uint64_t>& integers) {
  if (!value.is_array()) return false;
  for (const json& item : value) {
    if (!item.is_number_unsigned()) return false;
    integers.push_back(item.get<std::uint64_t>());
  }
  return true;
}

// The product of the sizes and the bytes of an element; false on overflow.
bool count_bytes(const std::vector<std::uint64_t>& sizes, std::uint64_t element_bytes,
                 std::uint64_t& bytes) {
  bytes = element_bytes;
  for (const std::uint64_t size : sizes) {
    if (size > static_cast<std::uint64_t>(std::numeric_limits<Index>::max())) return false;
    if (__builtin_mul_overflow(bytes, size, &bytes)) return false;
  }
  return true;
}

const Format* find_format(const json& dtype, const std::string& where) {
  check(dtype.is_string(), kOp, "{} has no dtype", where);
  const auto& name = dtype.get_ref<const std::string&>();
  for (const Format& format : kFormats) {
    if (format.name == name) return &format;
  }
  fail(kOp, "{} has the dtype {}, expected F64, F32, F16, BF16, I64 or U8", where, in_quotes(name));
}

Entry parse_entry(const std::string& name, const json& value, std::uint64_t data_bytes,
                  const std::string& path) {
  const std::string where = fmt::format("{}: the tensor {}", path, in_quotes(name));
  check(value.is_object(), kOp, "{} is not described by an object", where);
  const auto member = [&](const char* key) { return value.value(key, json()); };
  Entry entry;
  entry.name = name;
  entry.format = find_format(member("dtype"), where);

  std::vector<std::uint64_t> sizes, offsets;
  check(parse_integers(member("shape"), sizes), kOp, "{} has no shape of whole numbers", where);
  check(sizes.size() <= kMaxAxes, kOp, "{} has {} axes, expected at most {}", where, sizes.size(),
        kMaxAxes);
  check(parse_integers(member("data_offsets"), offsets) && offsets.size() == 2, kOp,
        "{} has no data_offsets of two whole numbers", where);
  entry.begin = offsets[0];
  entry.end = offsets[1];
  check(entry.begin <= entry.end && entry.end <= data_bytes, kOp,
        "{} lies at the bytes {} to {} of {} (is the file cut short?)", where, entry.begin,
        entry.end, data_bytes);

  std::uint64_t bytes = 0;
  const bool fits = count_bytes(sizes, entry.format->bytes, bytes);
  check(fits && bytes == entry.end - entry.begin, kOp,
        "{} has the shape ({}) of {}, which does not fit its {} bytes", where,
        fmt::join(sizes, ","), entry.format->name, entry.end - entry.begin);
  entry.shape = Shape(std::vector<Index>(sizes.begin(), sizes.end()));
  return entry;
}

// Puts the entries in the order of their bytes; each byte must belong to exactly one of them.
void order_entries(std::vector<Entry>& entries, std::uint64_t data_bytes, const std::string& path) {
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t covered = 0;
  for (const Entry& entry : entries) {
    check(entry.begin >= covered, kOp, "{}: the tensor {} overlaps another at its byte {}", path,
          in_quotes(entry.name), entry.begin);
    check(entry.begin == covered, kOp, "{}: the bytes {} to {} belong to no tensor", path, covered,
          entry.begin);
    covered = entry.end;
  }
  check(covered == data_bytes, kOp, "{}: the bytes {} to {} belong to no tensor", path, covered,
        data_bytes);
}

// ---- writing ---------------------------------------------------------------------------------

// The header's length and text, padded so that the data begin at a multiple of kAlignment.
std::string make_header(const NamedTensors& file) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!file.metadata.empty()) header[kMetadata] = file.metadata;
  std::set<std::string_view> names = {kMetadata};
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : file.tensors) {
    check(names.insert(name).second, kOp, "the name {} is {}", in_quotes(name),
          name == kMetadata ? "reserved" : "given to two tensors");
    check(tensor.defined(), kOp, "the tensor {} is undefined", in_quotes(name));
    const std::uint64_t end = offset + static_cast<std::uint64_t>(tensor.count()) * sizeof(Real);
    header[name] = {{"dtype", kRealName},
                    {"shape", std::vector<Index>(tensor.shape().begin(), tensor.shape().end())},
                    {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const json::exception&) {
    fail(kOp, "a name or a text of the metadata is not UTF-8");
  }
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  check(text.size() <= kMaxHeaderBytes, kOp, "the header would take {} bytes, expected at most {}",
        text.size(), kMaxHeaderBytes);
  const std::uint64_t length = text.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + text;
}

}  // namespace

// ---- the interface ---------------------------------------------------------------------------

const Tensor* NamedTensors::find(std::string_view name) const {
  const auto found =
      std::find_if(tensors.begin(), tensors.end(), [&](const auto& t) { return t.first == name; });
  return found == tensors.end() ? nullptr : &found->second;
}

const Tensor& NamedTensors::at(std::string_view name) const {
  const Tensor* const tensor = find(name);
  check(tensor != nullptr, kOp, "there is no tensor {} among {}", in_quotes(name), tensors.size());
  return *tensor;
}

NamedTensors read_safetensors(const fs::path& path) {
  FileReader file(path);
  const std::string text = read_header_text(file);
  const json header = parse_header(text, path.string());
  const std::uint64_t data_bytes = file.size() - sizeof(std::uint64_t) - text.size();

  NamedTensors result;
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == kMetadata) {
      result.metadata = parse_metadata(value, path.string());
    } else {
      entries.push_back(parse_entry(name, value, data_bytes, path.string()));
    }
  }
  order_entries(entries, data_bytes, path.string());

  // The entries lie one behind the other, so one pass through the file reads them all.
  for (Entry& entry : entries) {
    Tensor tensor(entry.shape);
    check(entry.format->read(file, tensor.mutable_data(), tensor.count()), kOp,
          "{} is cut short in the tensor {}", path.string(), in_quotes(entry.name));
    result.add(std::move(entry.name), std::move(tensor));
  }
  return result;
}

void write_safetensors(const fs::path& path, const NamedTensors& file) {
  const std::string header = make_header(file);
  write_file_atomically(path, [&](FileWriter& out) {
    out.write(header);
    for (const auto& [name, tensor] : file.tensors) {
      const Tensor compact = tensor.to(Device::cpu).contiguous();
      out.write(compact.data(), static_cast<std::size_t>(compact.count()) * sizeof(Real));
    }
  });
}

}  // namespace ink
