// Draws the figures of the derivations from the library's own numbers.
#include <CLI/CLI.hpp>

#include "apps/figures/figures.h"
#include "apps/figures/loss_by_time.h"
#include "apps/support/program.h"
#include "io/file.h"
#include "io/image.h"

namespace ink::apps {
namespace {

struct Options {
  std::string out = "docs/figures";
  std::vector<std::string> only;
  std::vector<std::string> checkpoints;
};

// A few points of every curve, so that a reader without a picture sees numbers too.
void print_points(const Figure& figure) {
  std::string panel;
  for (const Drawn& drawn : figure.all_drawn()) {
    const std::size_t n = drawn.points.size();
    if (drawn.name.empty() || n < 3) continue;
    if (drawn.panel != panel) fmt::print("  {}\n", drawn.panel);
    panel = drawn.panel;
    fmt::print("    {}:", drawn.name);
    for (const std::size_t i : {std::size_t{0}, n / 2, n - 1})
      fmt::print(" ({:.4g}, {:.3g})", drawn.points[i].x, drawn.points[i].y);
    fmt::print("\n");
  }
}

int run(const Options& options) {
  const std::filesystem::path folder(options.out);
  make_directories(folder);
  if (!options.checkpoints.empty())
    measure_loss_by_time(options.checkpoints, folder / "loss_by_time.csv");
  std::vector<std::string> unknown = options.only;
  const auto wanted = [&](const std::string& name) {
    return options.only.empty() || std::erase(unknown, name) > 0;
  };
  for (const NamedFigure& figure : all_figures()) {
    if (!wanted(figure.name)) continue;
    const auto path = folder / (figure.name + ".svg");
    const Figure drawn = figure.draw();
    drawn.save(path);
    fmt::print("{}\n", path.string());
    print_points(drawn);
  }
  if (wanted("dissolving")) {
    save_png(folder / "dissolving.png", dissolving_digits());
    fmt::print("{}\n", (folder / "dissolving.png").string());
  }
  check_usage(unknown.empty(), "--only", "there is no figure {}", fmt::join(unknown, ", "));
  return 0;
}

}  // namespace
}  // namespace ink::apps

int main(int argc, char** argv) {
  using namespace ink::apps;
  return run_program("figures", [&] {
    Options options;
    CLI::App app("Draws the figures of the derivations.");
    app.add_option("--out", options.out, "folder for the figures (default: docs/figures)");
    app.add_option("--only", options.only, "names of figures (default: all)");
    app.add_option("--measure", options.checkpoints,
                   "checkpoints of one run, in order: first measures their loss by t into "
                   "OUT/loss_by_time.csv");
    return parse_arguments(app, argc, argv) ? run(options) : 0;
  });
}
