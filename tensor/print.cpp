// Printing as NumPy does: shortest digits, aligned columns, nested brackets, lines of 75
// characters, the corners of a large tensor.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "tensor/tensor.h"

namespace ink {
namespace {

// NumPy's print options.
constexpr int kPrecision = 8;            // decimals at most
constexpr Index kSummarizeAbove = 1000;  // elements
constexpr Index kEdge = 3;               // elements shown at each end of a summarised axis
constexpr std::size_t kLineWidth = 75;
// From here on numbers are written with an exponent, in a tensor and alone: float has six digits
// that are surely right.
constexpr bool kFloat = sizeof(Real) == sizeof(float);
constexpr double kExponentFrom = kFloat ? 1e6 : 1e8;
constexpr double kExponentFromAlone = kFloat ? 1e6 : 1e16;

// The shortest digits that read back as `value`, but at most `precision` decimals, at least one:
// "2.0", "0.33333333", "1.5e-05".
std::string digits(Real value, bool scientific, int precision) {
  std::array<char, 512> buffer;
  const auto format = scientific ? std::chars_format::scientific : std::chars_format::fixed;
  char* const end = std::to_chars(buffer.begin(), buffer.end(), value, format).ptr;
  std::string text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  const auto fraction_end = [&] { return std::min(text.find('e'), text.size()); };
  if (text.find('.') == std::string::npos) text.insert(fraction_end(), ".0");

  const auto decimals = static_cast<int>(fraction_end() - text.find('.') - 1);
  if (decimals <= precision) return text;
  text = scientific ? fmt::format("{:.{}e}", value, precision)
                    : fmt::format("{:.{}f}", value, precision);
  const std::size_t last = text.find_last_not_of('0', fraction_end() - 1);
  const std::size_t kept = std::max(last, text.find('.') + 1) + 1;
  return text.erase(kept, fraction_end() - kept);
}

// How every number of one tensor is written, so that the columns align: the decimal points stand
// below each other.
struct NumberFormat {
  bool scientific = false;
  std::size_t before = 0;    // characters in front of the point
  std::size_t after = 0;     // and behind it, up to the exponent
  std::size_t exponent = 0;  // characters from the e on

  explicit NumberFormat(const std::vector<Real>& values);
  std::string operator()(Real value) const;
};

// "-1.25e+03" in its parts; a fraction of zero is left out, as NumPy prints "2." in an array.
struct NumberParts {
  explicit NumberParts(const std::string& text) {
    const std::size_t point = text.find('.'), e = std::min(text.find('e'), text.size());
    whole = text.substr(0, std::min(point, e));
    if (point < e) fraction = text.substr(point + 1, e - point - 1);
    if (fraction == "0") fraction.clear();
    exponent = text.substr(e);
  }

  std::string whole, fraction, exponent;
};

std::string not_finite(Real value) {
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

NumberFormat::NumberFormat(const std::vector<Real>& values) {
  double largest = 0, smallest = INFINITY;
  for (const Real value : values) {
    const double magnitude = std::fabs(static_cast<double>(value));
    if (!std::isfinite(magnitude) || magnitude == 0) continue;
    largest = std::max(largest, magnitude);
    smallest = std::min(smallest, magnitude);
  }
  scientific =
      largest > 0 && (largest >= kExponentFrom || smallest < 1e-4 || largest / smallest > 1000);
  for (const Real value : values) {
    if (!std::isfinite(value)) continue;
    const NumberParts parts(digits(value, scientific, kPrecision));
    before = std::max(before, parts.whole.size());
    after = std::max(after, parts.fraction.size());
    exponent = std::max(exponent, parts.exponent.size());
  }
  for (const Real value : values) {
    const std::size_t behind = after + exponent + 1;
    if (std::isfinite(value)) continue;
    before = std::max(before + behind, not_finite(value).size()) - behind;
  }
}

std::string NumberFormat::operator()(Real value) const {
  if (!std::isfinite(value)) {
    return fmt::format("{:>{}}", not_finite(value), before + 1 + after + exponent);
  }
  NumberParts parts(scientific ? fmt::format("{:.{}e}", value, after)
                               : digits(value, scientific, kPrecision));
  parts.fraction.resize(after, scientific ? '0' : ' ');
  // An exponent of two digits beside one of three: e-05 becomes e-005.
  if (scientific) parts.exponent.insert(2, exponent - parts.exponent.size(), '0');
  return fmt::format("{:>{}}.{}{}", parts.whole, before, parts.fraction, parts.exponent);
}

// The number of a tensor without axes: as NumPy prints a single float.
std::string scalar_string(Real value) {
  if (!std::isfinite(value)) return not_finite(value);
  const double magnitude = std::fabs(static_cast<double>(value));
  const bool scientific = magnitude != 0 && (magnitude < 1e-4 || magnitude >= kExponentFromAlone);
  std::string text = digits(value, scientific, 400);
  if (scientific) {
    if (const std::size_t zero = text.find(".0e"); zero != std::string::npos) text.erase(zero, 2);
  }
  return text;
}

// The positions along an axis that are printed; -1 stands for the dots between the two ends.
std::vector<Index> shown_positions(Index size, bool summarize) {
  std::vector<Index> positions;
  for (Index i = 0; i < size; ++i) {
    if (summarize && size > 2 * kEdge && i == kEdge) {
      positions.push_back(-1);
      i = size - kEdge;
    }
    positions.push_back(i);
  }
  return positions;
}

// The values that will be printed, in order.
void collect(const Tensor& x, bool summarize, std::vector<Real>& values) {
  if (x.axes() == 0) return values.push_back(x.item());
  for (const Index i : shown_positions(x.size(0), summarize)) {
    if (i >= 0) collect(x.slice(0, i, i + 1).squeeze(0), summarize, values);
  }
}

// Words separated by blanks, on lines that are at most `width` long and begin with `indent` blanks.
std::string fill_lines(const std::vector<std::string>& words, std::size_t width,
                       std::size_t indent) {
  std::string text, line(indent, ' ');
  for (const std::string& word : words) {
    if (line.size() + word.size() > width && line.size() > indent) {
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + "\n";
      line.assign(indent, ' ');
    }
    line += word + " ";
  }
  line.pop_back();
  return (text + line).substr(indent);
}

// `depth` brackets are open around x, and as many will close behind it.
std::string print(const Tensor& x, bool summarize, const NumberFormat& format, std::size_t depth) {
  std::vector<std::string> parts;
  for (const Index i : shown_positions(x.size(0), summarize)) {
    const Tensor part = i < 0 ? Tensor() : x.slice(0, i, i + 1).squeeze(0);
    if (i < 0) {
      parts.emplace_back("...");
    } else {
      parts.push_back(x.axes() == 1 ? format(part.item())
                                    : print(part, summarize, format, depth + 1));
    }
  }
  if (x.axes() == 1) {
    return fmt::format("[{}]", fill_lines(parts, kLineWidth - 1 - depth, depth + 1));
  }
  const std::string between =
      std::string(static_cast<std::size_t>(x.axes() - 1), '\n') + std::string(depth + 1, ' ');
  return fmt::format("[{}]", fmt::join(parts, between));
}

}  // namespace

std::string Tensor::to_string() const {
  if (!defined()) return "undefined";
  if (count() == 0) return "[]";
  if (axes() == 0) return scalar_string(item());
  const Tensor host = to(Device::cpu);
  const bool summarize = count() > kSummarizeAbove;
  std::vector<Real> values;
  collect(host, summarize, values);
  return print(host, summarize, NumberFormat(values), 0);
}

}  // namespace ink
