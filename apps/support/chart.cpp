#include "apps/support/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "apps/support/text.h"

namespace ink::apps {
namespace {

constexpr double kWidth = 880, kHeight = 300, kLeft = 52, kRight = 12, kTop = 12, kBottom = 40;

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

bool is_shown(double y) { return std::isfinite(y) && y > 0; }

// Where numbers lie on the page.
struct Axes {
  Range x, log_y;
  double left(double value) const {
    return kLeft + (value - x.low) / (x.high - x.low) * (kWidth - kLeft - kRight);
  }
  double top(double value) const {
    const double share = (std::log10(value) - log_y.low) / (log_y.high - log_y.low);
    return kHeight - kBottom - share * (kHeight - kTop - kBottom);
  }
};

// An axis of at least some length around all points.
bool find_axes(const std::vector<Series>& series, Axes& axes) {
  for (const Series& line : series) {
    for (std::size_t i = 0; i < line.x.size(); ++i) {
      if (!is_shown(line.y[i])) continue;
      axes.x.include(line.x[i]);
      axes.log_y.include(std::log10(line.y[i]));
    }
  }
  if (axes.x.low > axes.x.high) return false;
  axes.x.low = 0;
  axes.x.high = std::max(axes.x.high, 1.0);
  axes.log_y.low -= 0.05;
  axes.log_y.high += 0.05;
  return true;
}

// 1, 2 and 5 times the powers of ten within the range.
std::vector<double> y_ticks(const Range& log_range) {
  std::vector<double> ticks;
  for (double power = std::floor(log_range.low); power <= log_range.high; ++power) {
    for (const double digit : {1.0, 2.0, 5.0}) {
      const double tick = digit * std::pow(10, power);
      if (std::log10(tick) >= log_range.low && std::log10(tick) <= log_range.high) {
        ticks.push_back(tick);
      }
    }
  }
  return ticks;
}

// The smallest of 1, 2, 5, 10, 20, ... that cuts the range into at most eight parts.
double x_interval(double range) {
  for (double power = 1;; power *= 10) {
    for (const double digit : {1.0, 2.0, 5.0}) {
      if (range / (digit * power) <= 8) return digit * power;
    }
  }
}

std::string grid_lines(const Axes& axes, const std::string& x_label) {
  std::string svg;
  for (const double tick : y_ticks(axes.log_y)) {
    const double y = axes.top(tick);
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{:.0f}\" y1=\"{:.1f}\" x2=\"{:.0f}\" y2=\"{:.1f}\"/>"
        "<text class=\"tick\" x=\"{:.0f}\" y=\"{:.1f}\" text-anchor=\"end\">{:g}</text>\n",
        kLeft, y, kWidth - kRight, y, kLeft - 8, y + 4, tick);
  }
  const double interval = x_interval(axes.x.high);
  for (double tick = 0; tick <= axes.x.high; tick += interval) {
    const char* const anchor = axes.left(tick) > kWidth - 60 ? "end" : "middle";
    svg += fmt::format(
        "<text class=\"tick\" x=\"{:.1f}\" y=\"{:.0f}\" text-anchor=\"{}\">{}</text>\n",
        axes.left(tick), kHeight - kBottom + 18, anchor, with_commas(static_cast<Index>(tick)));
  }
  return svg + fmt::format(
                   "<text class=\"tick\" x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"middle\">{}"
                   "</text>\n",
                   (kLeft + kWidth - kRight) / 2, kHeight - 6, x_label);
}

std::string polyline(const Axes& axes, const Series& line) {
  std::string path;
  bool pen_down = false;
  for (std::size_t i = 0; i < line.x.size(); ++i) {
    if (is_shown(line.y[i])) {
      path += fmt::format("{}{:.1f} {:.1f}", pen_down ? "L" : "M", axes.left(line.x[i]),
                          axes.top(line.y[i]));
    }
    pen_down = is_shown(line.y[i]);
  }
  return fmt::format("<path class=\"line {}\" d=\"{}\"/>\n", line.style, path);
}

}  // namespace

std::string line_chart(const std::string& title, const std::string& x_label,
                       const std::vector<Series>& series) {
  Axes axes;
  if (!find_axes(series, axes)) return "<p class=\"quiet\">No step has been taken yet.</p>\n";
  std::string legend;
  std::string lines;
  for (const Series& line : series) {
    legend += fmt::format("<span class=\"key\"><i class=\"{}\"></i>{}</span>\n", line.style,
                          escape_html(line.name));
    lines += polyline(axes, line);
  }
  return fmt::format(
      "<div class=\"legend\">\n{}</div>\n"
      "<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">\n{}{}</svg>\n",
      legend, kWidth, kHeight, escape_html(title), grid_lines(axes, x_label), lines);
}

std::vector<double> smoothed(const std::vector<double>& y, std::size_t window) {
  // Running sums of the values and of how many there are.
  std::vector<double> sum(y.size() + 1, 0), count(y.size() + 1, 0);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const bool counts = std::isfinite(y[i]);
    sum[i + 1] = sum[i] + (counts ? y[i] : 0);
    count[i + 1] = count[i] + (counts ? 1 : 0);
  }
  std::vector<double> result;
  for (std::size_t i = 0; i < y.size(); ++i) {
    // At the start, where losses fall steeply, as many neighbours on the right as on the left.
    const std::size_t left = std::min(window / 2, i);
    const std::size_t right = std::min(left, y.size() - 1 - i);
    const std::size_t first = i - left, last = i + right + 1;
    const double values = count[last] - count[first];
    result.push_back(values > 0 ? (sum[last] - sum[first]) / values
                                : std::numeric_limits<double>::quiet_NaN());
  }
  return result;
}

}  // namespace ink::apps
