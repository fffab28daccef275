// Comparing what a figure shows with the closed form.
#pragma once

#include <algorithm>
#include <cmath>

#include "apps/figures/figures.h"
#include "tests/support/close.h"

namespace ink::test {

// Checks y = f(x) at every point that is drawn, relative to the larger of f(x) and `scale`.
template <class F>
void check_curve(const apps::Figure& figure, const char* panel, const char* name, const F& f,
                 double tolerance, double scale = 0) {
  const apps::Points& points = figure.drawn(panel, name).points;
  CHECK(points.size() >= 2);
  for (const auto& [x, y] : points) {
    const double expected = f(x);
    check_near(y, expected, tolerance * std::max(std::fabs(expected), scale), name);
  }
}

}  // namespace ink::test
