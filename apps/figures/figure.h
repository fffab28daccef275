// Figures as SVG: panels side by side, with axes, lines, dots, arrows, boxes and words. They are
// legible on light and on dark paper: alone they follow the system, within a page its theme.
#pragma once

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace ink::apps {

struct Point {
  double x, y;
};
using Points = std::vector<Point>;

// The rows of a tensor (n, 2).
Points points_of(const Tensor& x);
// The path of row i through steps[0], steps[1], ..., each (n, 2); one path for each i.
std::vector<Points> paths_through(const Tensors& steps);
// The middles of the n x n cells of the square [-extent, extent]^2: (n^2, 2).
Tensor grid(Index n, double extent);
// (x, f(x)) at n values of x from `low` to `high`: evenly spaced, or by equal factors.
template <class F>
Points sampled(double low, double high, int n, const F& f, bool by_factors = false) {
  Points points;
  for (int i = 0; i < n; ++i) {
    const double share = static_cast<double>(i) / (n - 1);
    const double x = by_factors ? low * std::pow(high / low, share) : low + (high - low) * share;
    points.push_back({x, f(x)});
  }
  return points;
}

enum class Ink { text, faint, blue, orange, green, purple };

struct Axis {
  std::string label = {};
  double low = 0, high = 1;
  bool log = false;
  bool hidden = false;  // no ticks and no frame: for drawings
};

// What was drawn, before it became pixels: what the tests look at.
struct Drawn {
  std::string panel, name;
  Points points;
  Points by;  // of arrows: where each leads
};

class Figure {
 public:
  // `title` is what a screen reader says. The panels stand in rows of `columns`, each of this size
  // in pixels, axes included.
  explicit Figure(std::string title, int columns = 2, double width = 380, double height = 260);

  // Starts the next panel; what is drawn from now on goes there.
  void panel(const std::string& title, const Axis& x, const Axis& y);
  // A panel without axes, [-extent, extent] in both directions.
  void plane(const std::string& title, double extent);

  // A name that is not empty gets an entry in the panel's legend. What is not finite is left out.
  void line(const std::string& name, const Points& points, Ink ink, bool dashed = false);
  void dots(const std::string& name, const Points& points, Ink ink, double radius = 1.4);
  void arrows(const std::string& name, const Points& from, const Points& by, Ink ink);
  // Upright bars from 0, `width` wide in units of the x axis.
  void bars(const std::string& name, const Points& points, Ink ink, double width);
  // `low` and `high` are opposite corners.
  void box(Point low, Point high, Ink ink, bool filled = false);
  // `anchor` is start, middle or end.
  void text(Point at, const std::string& words, Ink ink = Ink::text, const char* anchor = "middle");

  // All that was drawn under this name in this panel; throws Error when there is none.
  const Drawn& drawn(const std::string& panel, const std::string& name) const;
  const std::vector<Drawn>& all_drawn() const { return drawn_; }

  std::string svg() const;
  void save(const std::filesystem::path& path) const;

 private:
  double left(double x) const;
  double top(double y) const;
  std::string place(Point at) const;
  void open(const std::string& title, const Axis& x, const Axis& y);
  void frame();
  void add_clipped(const std::string& drawn);
  void remember(const std::string& name, Ink ink, const Points& points, const Points& by = {},
                bool dashed = false);

  std::string title_;
  int columns_;
  double width_, height_;
  int panels_ = 0;
  std::string panel_;
  Axis x_, y_;
  double legend_ = 0;  // its width so far, in the current panel
  std::string body_;
  std::vector<Drawn> drawn_;
};

}  // namespace ink::apps
