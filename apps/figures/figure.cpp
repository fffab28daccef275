#include "apps/figures/figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "apps/support/text.h"
#include "io/file.h"
#include "tensor/check.h"

namespace ink::apps {
namespace {

// Around a panel's axes: room for the numbers at the left, the title and the legend above, the
// label below.
constexpr double kLeft = 50, kRight = 14, kTop = 46, kBottom = 38;
constexpr const char* kDashes = " stroke-dasharray='5 4'";
constexpr double kLetter = 6.2;  // the width of a letter of the legend, nearly

// The name of each ink in the style sheet, and its colour where none is understood.
struct Named {
  const char* name;
  const char* colour;
};
Named named(Ink ink) {
  static constexpr std::array<Named, 6> kNamed = {{{"text", "#1d2430"},
                                                   {"faint", "#5f6875"},
                                                   {"blue", "#1f5fc0"},
                                                   {"orange", "#b35400"},
                                                   {"green", "#1f7a44"},
                                                   {"purple", "#8a3fa0"}}};
  return kNamed[static_cast<std::size_t>(ink)];
}

// A file that is looked at by itself is its own root and follows the system; within a page the
// variables are the page's.
constexpr const char* kStyle = R"(<style>
svg.fig:root { --fig-paper: #fdfcf9; --fig-text: #1d2430; --fig-faint: #5f6875; --fig-blue: #1f5fc0;
  --fig-orange: #b35400; --fig-green: #1f7a44; --fig-purple: #8a3fa0; }
@media (prefers-color-scheme: dark) {
  svg.fig:root { --fig-paper: #14181f; --fig-text: #dfe3ea; --fig-faint: #8b95a4; --fig-blue: #7fb0ff;
    --fig-orange: #f0a050; --fig-green: #6fcf97; --fig-purple: #d39be6; }
}
.fig .paper { fill: var(--fig-paper); }
)";

std::string style_sheet() {
  std::string style = kStyle;
  for (const Ink ink : {Ink::text, Ink::faint, Ink::blue, Ink::orange, Ink::green, Ink::purple}) {
    const char* const name = named(ink).name;
    style += fmt::format(
        ".fig .s-{0} {{ stroke: var(--fig-{0}); }} .fig .f-{0} {{ fill: var(--fig-{0}); }}\n",
        name);
  }
  return style + "</style>\n";
}

std::string stroked(Ink ink) {
  return fmt::format("class='s-{}' stroke='{}' fill='none'", named(ink).name, named(ink).colour);
}
std::string filled(Ink ink) {
  return fmt::format("class='f-{}' fill='{}'", named(ink).name, named(ink).colour);
}

std::string label(double x, double y, const std::string& words, Ink ink, const char* anchor,
                  const char* more = "") {
  return fmt::format("<text x='{:.1f}' y='{:.1f}' text-anchor='{}' {} {}>{}</text>\n", x, y, anchor,
                     filled(ink), more, escape_html(words));
}

// 10^-3 with a raised exponent.
std::string power_of_ten(int exponent) {
  static constexpr std::array<const char*, 10> kDigits = {"⁰", "¹", "²", "³", "⁴",
                                                          "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string text = exponent < 0 ? "10⁻" : "10";
  for (const char digit : std::to_string(std::abs(exponent)))
    text += kDigits[static_cast<std::size_t>(digit - '0')];
  return text;
}

struct Tick {
  double at;
  std::string words;
};

std::vector<Tick> ticks_of(const Axis& axis) {
  std::vector<Tick> ticks;
  if (axis.log) {
    const double low = std::log10(axis.low), high = std::log10(axis.high);
    const int step = std::max(1, static_cast<int>(std::ceil((high - low) / 6)));
    for (int power = static_cast<int>(std::ceil(low - 1e-9)); power <= high + 1e-9; power += step)
      ticks.push_back({std::pow(10, power), power_of_ten(power)});
    return ticks;
  }
  // The smallest of 1, 2, 5, 10, ... times a power of ten that cuts the axis into at most six.
  const double range = axis.high - axis.low;
  double interval = std::pow(10, std::floor(std::log10(range)) - 1);
  for (const double factor : {2.0, 2.5, 2.0}) {
    if (range / interval <= 6) break;
    interval *= factor;
  }
  const auto first = static_cast<Index>(std::ceil(axis.low / interval - 1e-9));
  const auto last = static_cast<Index>(std::floor(axis.high / interval + 1e-9));
  for (Index k = first; k <= last; ++k) {
    const double at = static_cast<double>(k) * interval;
    ticks.push_back({at, fmt::format("{}{:.4g}", at < 0 ? "−" : "", std::fabs(at))});
  }
  return ticks;
}

// From 0 at the low end to 1 at the high one.
double share(const Axis& axis, double value) {
  if (axis.log) return std::log(value / axis.low) / std::log(axis.high / axis.low);
  return (value - axis.low) / (axis.high - axis.low);
}

bool can_be_drawn(const Axis& x, const Axis& y, Point at) {
  return std::isfinite(at.x) && std::isfinite(at.y) && !(x.log && at.x <= 0) &&
         !(y.log && at.y <= 0);
}

std::size_t letters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace

Points points_of(const Tensor& x) {
  check(x.axes() == 2 && x.size(1) == 2, "figure", "expected points (n,2), got {}", x.shape());
  const std::vector<Real> values = x.to_vector();
  Points points;
  for (std::size_t i = 0; i < values.size(); i += 2)
    points.push_back({static_cast<double>(values[i]), static_cast<double>(values[i + 1])});
  return points;
}

std::vector<Points> paths_through(const Tensors& steps) {
  std::vector<Points> paths;
  for (const Tensor& step : steps) {
    const Points points = points_of(step);
    paths.resize(points.size());
    for (std::size_t i = 0; i < points.size(); ++i) paths[i].push_back(points[i]);
  }
  return paths;
}

Tensor grid(Index n, double extent) {
  std::vector<Real> points;
  for (Index i = 0; i < n * n; ++i) {
    for (const Index k : {i % n, i / n}) {
      const double share = (2 * static_cast<double>(k) + 1) / static_cast<double>(n) - 1;
      points.push_back(static_cast<Real>(extent * share));
    }
  }
  return Tensor::from(points, {n * n, 2});
}

Figure::Figure(std::string title, int columns, double width, double height)
    : title_(std::move(title)), columns_(columns), width_(width), height_(height) {}

double Figure::left(double x) const {
  const double room = width_ - (x_.hidden ? 2 * kRight : kLeft + kRight);
  return (x_.hidden ? kRight : kLeft) + room * share(x_, x);
}
double Figure::top(double y) const {
  const double bottom = y_.hidden ? kRight : kBottom;
  return kTop + (height_ - kTop - bottom) * (1 - share(y_, y));
}
std::string Figure::place(Point at) const {
  return fmt::format("{:.1f} {:.1f}", left(at.x), top(at.y));
}

// A picture within the picture: what would lie outside is cut off.
void Figure::open(const std::string& title, const Axis& x, const Axis& y) {
  if (panels_ > 0) body_ += "</svg>\n";
  const int column = panels_ % columns_, row = panels_ / columns_;
  ++panels_;
  panel_ = title, x_ = x, y_ = y, legend_ = 0;
  body_ += fmt::format("<svg x='{:.0f}' y='{:.0f}' width='{:.0f}' height='{:.0f}'>\n",
                       column * width_, row * height_, width_, height_);
  body_ += label(x.hidden ? kRight : kLeft, 17, title, Ink::text, "start", "font-weight='600'");
}

void Figure::panel(const std::string& title, const Axis& x, const Axis& y) {
  open(title, x, y);
  frame();
}

void Figure::plane(const std::string& title, double extent) {
  const Axis axis{.low = -extent, .high = extent, .hidden = true};
  open(title, axis, axis);
}

void Figure::frame() {
  const double bottom = height_ - kBottom, right = width_ - kRight;
  if (!y_.hidden) {
    for (const Tick& tick : ticks_of(y_)) {
      const double y = top(tick.at);
      body_ += fmt::format("<path {} stroke-width='.5' d='M{} {:.1f}H{}'/>\n", stroked(Ink::faint),
                           kLeft, y, right);
      body_ += label(kLeft - 6, y + 4, tick.words, Ink::text, "end");
    }
  }
  if (!x_.hidden) {
    for (const Tick& tick : ticks_of(x_)) {
      body_ +=
          fmt::format("<path {} d='M{:.1f} {}v4'/>\n", stroked(Ink::faint), left(tick.at), bottom);
      body_ += label(left(tick.at), bottom + 17, tick.words, Ink::text, "middle");
    }
    body_ += fmt::format("<path {} d='M{} {}H{}'/>\n", stroked(Ink::text), kLeft, bottom, right);
    body_ += label((kLeft + right) / 2, height_ - 5, x_.label, Ink::text, "middle");
  }
}

// Notes what is drawn, and names it in the legend.
void Figure::remember(const std::string& name, Ink ink, const Points& points, const Points& by,
                      bool dashed) {
  drawn_.push_back({panel_, name, points, by});
  if (name.empty()) return;
  const double at = (x_.hidden ? kRight : kLeft) + legend_;
  body_ += fmt::format("<path {} stroke-width='{}'{} d='M{:.1f} 31h14'/>\n", stroked(ink),
                       dashed ? 2 : 3, dashed ? kDashes : "", at);
  body_ += label(at + 18, 35, name, ink, "start");
  legend_ += 18 + kLetter * static_cast<double>(letters(name)) + 14;
}

// What leaves the axes is cut off: a picture within the picture once more.
void Figure::add_clipped(const std::string& drawn) {
  const double right = width_ - kRight, bottom = height_ - (y_.hidden ? kRight : kBottom);
  const double left = x_.hidden ? kRight : kLeft;
  body_ += fmt::format(
      "<svg x='{0:.0f}' y='{1:.0f}' width='{2:.0f}' height='{3:.0f}' "
      "viewBox='{0:.0f} {1:.0f} {2:.0f} {3:.0f}'>{4}</svg>\n",
      left, kTop - 2, right - left, bottom - kTop + 4, drawn);
}

void Figure::line(const std::string& name, const Points& points, Ink ink, bool dashed) {
  std::string path;
  bool pen_down = false;
  for (const Point& at : points) {
    const bool shown = can_be_drawn(x_, y_, at);
    if (shown) path += fmt::format("{}{}", pen_down ? "L" : "M", place(at));
    pen_down = shown;
  }
  add_clipped(fmt::format("<path {} stroke-width='1.7'{} stroke-linejoin='round' d='{}'/>\n",
                          stroked(ink), dashed ? kDashes : "", path));
  remember(name, ink, points, {}, dashed);
}

void Figure::dots(const std::string& name, const Points& points, Ink ink, double radius) {
  std::string path;
  for (const Point& at : points)
    if (can_be_drawn(x_, y_, at)) path += fmt::format("M{}h0", place(at));
  add_clipped(fmt::format("<path {} stroke-width='{:.1f}' stroke-linecap='round' d='{}'/>\n",
                          stroked(ink), 2 * radius, path));
  remember(name, ink, points);
}

void Figure::arrows(const std::string& name, const Points& from, const Points& by, Ink ink) {
  std::string path, heads;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const Point tip{from[i].x + by[i].x, from[i].y + by[i].y};
    const double x = left(tip.x), y = top(tip.y), dx = x - left(from[i].x), dy = y - top(from[i].y);
    const double length = std::hypot(dx, dy);
    path += fmt::format("M{}L{}", place(from[i]), place(tip));
    if (length < 1) continue;
    // The head is a third of a long shaft and the whole of a short one.
    const double head = std::min(5.0, length) / length;
    path += fmt::format("M{:.1f} {:.1f}L{:.1f} {:.1f}L{:.1f} {:.1f}", x - head * (dx - dy / 2),
                        y - head * (dy + dx / 2), x, y, x - head * (dx + dy / 2),
                        y - head * (dy - dx / 2));
  }
  add_clipped(fmt::format("<path {} stroke-width='1.1' d='{}'/>\n", stroked(ink), path));
  remember(name, ink, from, by);
}

void Figure::bars(const std::string& name, const Points& points, Ink ink, double width) {
  for (const Point& at : points) {
    const double a = left(at.x - width / 2), b = left(at.x + width / 2), zero = top(0),
                 y = top(at.y);
    add_clipped(fmt::format("<rect {} x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{:.1f}'/>\n",
                            filled(ink), a, std::min(y, zero), b - a, std::fabs(y - zero)));
  }
  remember(name, ink, points);
}

void Figure::box(Point low, Point high, Ink ink, bool is_filled) {
  const double a = left(low.x), b = left(high.x), c = top(high.y), d = top(low.y);
  const std::string paint = is_filled ? filled(ink) + " opacity='.25'" : stroked(ink);
  body_ += fmt::format("<rect {} x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{:.1f}' rx='2'/>\n",
                       paint, std::min(a, b), std::min(c, d), std::fabs(b - a), std::fabs(d - c));
}

void Figure::text(Point at, const std::string& words, Ink ink, const char* anchor) {
  body_ += label(left(at.x), top(at.y) + 4, words, ink, anchor);
  drawn_.push_back({panel_, words, {at}, {}});
}

const Drawn& Figure::drawn(const std::string& panel, const std::string& name) const {
  for (const Drawn& drawn : drawn_)
    if (drawn.panel == panel && drawn.name == name) return drawn;
  fail("figure", "nothing called \"{}\" was drawn in \"{}\"", name, panel);
}

std::string Figure::svg() const {
  const int rows = (panels_ + columns_ - 1) / columns_;
  return fmt::format(
      "<svg class='fig' xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {0:.0f} {1:.0f}' "
      "width='{0:.0f}' height='{1:.0f}' role='img' aria-label=\"{2}\" font-family='sans-serif' "
      "font-size='12'>\n"
      "{3}<rect class='paper' width='100%' height='100%' fill='#fdfcf9'/>\n{4}{5}</svg>\n",
      width_ * std::min(columns_, panels_), height_ * rows, escape_html(title_), style_sheet(),
      body_, panels_ > 0 ? "</svg>\n" : "");
}

void Figure::save(const std::filesystem::path& path) const { write_file_atomically(path, svg()); }

}  // namespace ink::apps
