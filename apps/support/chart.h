// Line charts as SVG, for the report.
#pragma once

#include <string>
#include <vector>

namespace ink::apps {

struct Series {
  std::string name;          // in the legend
  std::string style;         // CSS class: its colour and width
  std::vector<double> x, y;  // what is not finite, or not above 0, leaves a gap
};

// An inline <svg> with a logarithmic y axis; colours come from the page's style sheet. `title` is
// what a screen reader says. Text when no series has a point.
std::string line_chart(const std::string& title, const std::string& x_label,
                       const std::vector<Series>& series);

// The mean of y over `window` neighbours around each point (fewer at the ends), NaN skipped.
std::vector<double> smoothed(const std::vector<double>& y, std::size_t window);

}  // namespace ink::apps
