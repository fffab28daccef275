// Printing as NumPy does: aligned columns, nested brackets, the corners of a large tensor.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tensor/tensor.h"

namespace ink {
namespace {

constexpr Index kSummarizeAbove = 1000;  // elements
constexpr Index kEdge = 3;               // elements shown at each end of a summarised axis

// How every number of one tensor is written, so that columns align.
struct NumberFormat {
  bool scientific = false;
  int precision = 0;
  int width = 0;

  std::string operator()(Real value) const {
    std::string text;
    if (!std::isfinite(value)) {
      text = std::isnan(value) ? "nan" : (value > 0 ? "inf" : "-inf");
    } else if (scientific) {
      text = fmt::format("{:.{}e}", value, precision);
    } else {
      text = fmt::format("{:.{}f}", value, precision);
      if (precision == 0) text += '.';
    }
    return fmt::format("{:>{}}", text, width);
  }
};

// The fewest decimals, at most 4, that show every value to four places.
NumberFormat choose_format(const std::vector<Real>& values) {
  NumberFormat format;
  double largest = 0, smallest = INFINITY;
  for (const Real value : values) {
    const double magnitude = std::fabs(static_cast<double>(value));
    if (!std::isfinite(magnitude) || magnitude == 0) continue;
    largest = std::max(largest, magnitude);
    smallest = std::min(smallest, magnitude);
  }
  format.scientific = largest >= 1e8 || smallest < 1e-4 || largest / smallest > 1e6;
  for (const Real value : values) {
    if (format.scientific) {
      format.precision = 4;
      break;
    }
    if (!std::isfinite(value)) continue;
    std::string text = fmt::format("{:.4f}", value);
    const auto last = text.find_last_not_of('0');
    format.precision = std::max(format.precision, static_cast<int>(last - text.find('.')));
  }
  for (const Real value : values) {
    format.width = std::max(format.width, static_cast<int>(format(value).size()));
  }
  return format;
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

std::string print(const Tensor& x, bool summarize, const NumberFormat& format, int indent) {
  if (x.axes() == 0) return format(x.item());
  const std::string between = x.axes() == 1
                                  ? " "
                                  : std::string(static_cast<std::size_t>(x.axes() - 1), '\n') +
                                        std::string(static_cast<std::size_t>(indent + 1), ' ');
  std::string text = "[";
  bool first = true;
  for (const Index i : shown_positions(x.size(0), summarize)) {
    if (!first) text += between;
    first = false;
    text += i < 0 ? "..." : print(x.slice(0, i, i + 1).squeeze(0), summarize, format, indent + 1);
  }
  return text + "]";
}

}  // namespace

std::string Tensor::to_string() const {
  if (!defined()) return "undefined";
  const Tensor host = to(Device::cpu);
  const bool summarize = count() > kSummarizeAbove;
  std::vector<Real> values;
  collect(host, summarize, values);
  return print(host, summarize, choose_format(values), 0);
}

}  // namespace ink
