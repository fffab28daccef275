#include "apps/support/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "apps/support/chart.h"
#include "apps/support/report_style.h"
#include "apps/support/text.h"

namespace ink::apps {
namespace {

std::string data_uri(const std::string& png) { return "data:image/png;base64," + base64(png); }

std::string section(const std::string& heading, const std::string& explanation,
                    const std::string& content) {
  return fmt::format("<section>\n<h2>{}</h2>\n<p class=\"quiet\">{}</p>\n{}</section>\n", heading,
                     explanation, content);
}

// ---- pictures --------------------------------------------------------------------------------

// All grids lie on the page; the slider chooses which one is seen. Without a script it is the last.
std::string grids_section(const std::vector<ReportPicture>& grids) {
  if (grids.empty()) {
    return section("Samples", "The first picture comes within a minute; reload this page.", "");
  }
  std::string images = "<div class=\"grid-view\">\n";
  for (const ReportPicture& grid : grids) {
    images += fmt::format("<img alt=\"{}\" src=\"{}\"{}>\n", escape_html(grid.caption),
                          data_uri(grid.png), &grid == &grids.back() ? "" : " hidden");
  }
  images += fmt::format(
      "</div>\n<div class=\"slider\">\n<button type=\"button\">Play</button>\n"
      "<input type=\"range\" min=\"0\" max=\"{0}\" value=\"{0}\" aria-label=\"Step of training\">\n"
      "<output>{1}</output>\n</div>\n",
      grids.size() - 1, escape_html(grids.back().caption));
  return section("Samples",
                 "Drawn by the average of the weights, each time from the same noise: the same "
                 "pictures take shape as training goes on.",
                 images);
}

std::string strip_section(const Report& report) {
  if (report.strip.png.empty()) return "";
  std::string times;
  for (const Index t : report.strip_times) times += fmt::format("<span>{}</span>", t);
  return section("From noise to picture", escape_html(report.strip.caption),
                 fmt::format("<img class=\"strip\" alt=\"The denoising of some samples\" "
                             "src=\"{}\">\n<div class=\"times\">{}</div>\n",
                             data_uri(report.strip.png), times));
}

// ---- losses ----------------------------------------------------------------------------------

// The steps in the middle of the bins, and a window of the bins of about a hundred steps or of 2 %
// of the run.
struct Steps {
  explicit Steps(const LossHistory& history) {
    double before = 0;
    for (const LossBin& bin : history.bins()) {
      const auto steps = static_cast<double>(bin.steps);
      middle.push_back(before + (steps + 1) / 2);
      before += steps;
    }
    const double wide = std::max(100.0, before / 50) / static_cast<double>(history.width());
    window = static_cast<std::size_t>(std::max(1.0, wide));
  }
  std::vector<double> middle;
  std::size_t window;
};

std::string loss_section(const LossHistory& history) {
  const Steps steps(history);
  std::vector<double> loss;
  for (const LossBin& bin : history.bins()) loss.push_back(bin.mean());
  const std::string raw_name =
      history.width() == 1 ? "each step" : fmt::format("mean of {} steps", history.width());
  const std::vector<Series> series = {
      {raw_name, "raw", steps.middle, loss},
      {"smoothed", "smooth", steps.middle, smoothed(loss, steps.window)}};
  return section("Loss", "‖ε − ε<sub>θ</sub>(x<sub>t</sub>, t)‖², the mean over all pixels.",
                 line_chart("Loss over training steps", "step", series));
}

std::string quartile_section(const LossHistory& history) {
  const Steps steps(history);
  constexpr const char* kNames[kQuartiles] = {"t in the first quarter (little noise)",
                                              "second quarter", "third quarter",
                                              "last quarter (almost only noise)"};
  std::vector<Series> series;
  for (int quartile = 0; quartile < kQuartiles; ++quartile) {
    std::vector<double> loss;
    for (const LossBin& bin : history.bins()) loss.push_back(bin.quartile_mean(quartile));
    series.push_back({kNames[quartile], fmt::format("q{}", quartile + 1), steps.middle,
                      smoothed(loss, steps.window)});
  }
  return section(
      "Loss by time", "The less noise an image holds, the harder the noise is to tell from it.",
      line_chart("Loss over training steps for each quarter of the times", "step", series));
}

std::string configuration_section(const Report& report) {
  std::string rows;
  for (const auto& [name, value] : report.configuration) {
    rows += fmt::format("<tr><th>{}</th><td>{}</td></tr>\n", escape_html(name), escape_html(value));
  }
  return section(
      "Configuration", "The command and what it stood for.",
      fmt::format("<pre>{}</pre>\n<table>\n{}</table>\n", escape_html(report.command), rows));
}

}  // namespace

std::string report_html(const Report& report) {
  return fmt::format(
             "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<title>{0} · Inkling</title>\n<style>{1}</style>\n</head>\n<body>\n<main>\n"
             "<h1>{0}</h1>\n<p class=\"quiet\">{2}</p>\n",
             escape_html(report.title), kReportStyle, escape_html(report.status)) +
         grids_section(report.grids) + strip_section(report) + loss_section(*report.history) +
         quartile_section(*report.history) + configuration_section(report) + "</main>\n<script>" +
         kReportScript + "</script>\n</body>\n</html>\n";
}

}  // namespace ink::apps
