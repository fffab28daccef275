// The tape and the tile walk: drawings without axes.
#include <algorithm>
#include <map>
#include <sstream>

#include "apps/figures/figures.h"
#include "autograd/ops.h"
#include "tensor/random.h"

namespace ink::apps {
namespace {

Axis drawing(double low, double high) { return {.low = low, .high = high, .hidden = true}; }

// A line of print_graph: "#7 silu (2,3) <- #5 constant".
struct TapeLine {
  int id = 0;
  std::string words;
  std::vector<int> inputs;
};

std::vector<TapeLine> tape_lines(const std::string& text) {
  std::vector<TapeLine> lines;
  std::istringstream in(text);
  for (std::string row; std::getline(in, row);) {
    const auto arrow = row.find(" <-"), blank = row.find(' ');
    TapeLine line{std::stoi(row.substr(1)), row.substr(blank + 1, arrow - blank - 1), {}};
    for (auto at = row.find('#', 1); at != std::string::npos; at = row.find('#', at + 1))
      line.inputs.push_back(std::stoi(row.substr(at + 1)));
    lines.push_back(line);
  }
  return lines;
}

}  // namespace

Figure draw_tape() {
  Random random(7);
  const Variable x(random.normal({4, 3})), w(random.normal({2, 3}), true),
      b(Tensor::zeros({2}), true);
  const Variable target(random.normal({4, 2}));
  const Variable loss = mse(silu(linear(x, w, b)) + silu(linear(x, w, b)), target.value());
  std::vector<TapeLine> lines = tape_lines(print_graph(loss));
  std::reverse(lines.begin(), lines.end());
  // Ids go on from one expression of a program to the next: number them from 1.
  std::map<int, int> number;
  for (const TapeLine& line : lines) number[line.id] = static_cast<int>(number.size()) + 1;

  Figure figure("The tape of a small expression, as print_graph lists it", 1, 760, 330);
  figure.panel("mse(silu(linear(x, w, b)) + silu(linear(x, w, b)), target)", drawing(0, 10),
               drawing(0, 6));
  // A leaf stands in the first column, every other node right of all of its inputs.
  std::map<int, int> column, rows;
  std::map<int, Point> place;
  for (const TapeLine& line : lines) {
    for (const int input : line.inputs)
      column[line.id] = std::max(column[line.id], column[input] + 1);
    ++rows[column[line.id]];
  }
  std::map<int, int> used;
  for (const TapeLine& line : lines) {
    const int c = column[line.id], r = used[c]++;
    place[line.id] = {1 + 1.95 * c, 5.6 - 5.4 * (r + 0.5) / rows[c]};
  }
  Points from, by;
  for (const TapeLine& line : lines) {
    const Point to = place[line.id];
    for (const int input : line.inputs) {
      const Point source = place[input];
      from.push_back({source.x + 0.75, source.y});
      by.push_back({to.x - source.x - 1.5, to.y - source.y});
    }
  }
  figure.arrows("forward; gradients take the arrows the other way", from, by, Ink::faint);
  for (const TapeLine& line : lines) {
    const Point at = place[line.id];
    const Ink ink = line.inputs.empty() ? Ink::orange : Ink::blue;
    figure.box({at.x - 0.75, at.y - 0.55}, {at.x + 0.75, at.y + 0.55}, ink, true);
    figure.box({at.x - 0.75, at.y - 0.55}, {at.x + 0.75, at.y + 0.55}, ink);
    const auto blank = line.words.rfind(' ');
    figure.text({at.x, at.y + 0.22},
                fmt::format("#{} {}", number[line.id], line.words.substr(0, blank)));
    figure.text({at.x, at.y - 0.24}, line.words.substr(blank + 1));
  }
  return figure;
}

Figure draw_tile_walk() {
  // Eight columns and five rows of y; a tile of four pixels of row 2, from column 4 on. For each
  // tap (u, v) it reads four neighbouring pixels of x, rows 1 to 3, columns 3 to 8: the last is
  // outside.
  constexpr Index kRows = 5, kColumns = 8, kTile = 4, kRow = 2, kFirst = 4;
  Figure figure("A register tile of a convolution walks over the taps of the kernel", 2, 380, 290);
  const auto cells = [&](Ink ink) {
    for (Index i = 0; i < kRows; ++i)
      for (Index j = 0; j < kColumns; ++j) {
        const double x = static_cast<double>(j), y = -static_cast<double>(i);
        figure.box({x, y - 1}, {x + 1, y}, ink);
      }
  };
  const auto pixel = [&](Index i, Index j, Ink ink, bool is_filled) {
    const double x = static_cast<double>(j), y = -static_cast<double>(i);
    figure.box({x + 0.08, y - 0.92}, {x + 0.92, y - 0.08}, ink, is_filled);
  };

  figure.panel("y: the tile stays in registers", drawing(-0.5, 9.5), drawing(-6.5, 1));
  cells(Ink::faint);
  for (Index j = 0; j < kColumns; ++j) pixel(kRow, j, j < kFirst ? Ink::faint : Ink::blue, true);
  figure.text({2, -2.5}, "tile 1");
  figure.text({6, -2.5}, "tile 2");
  figure.text({4, -5.8}, "tiles go along a row, then down", Ink::text);

  figure.panel("x: what tile 2 reads, tap by tap", drawing(-0.5, 9.5), drawing(-6.5, 1));
  cells(Ink::faint);
  for (Index u = 0; u < 3; ++u)
    for (Index j = kFirst - 1; j <= kFirst + kTile; ++j)
      pixel(kRow + u - 1, j, j < kColumns ? Ink::blue : Ink::orange, true);
  // Each tap's run of pixels, moved a little so that the three of a row can be told apart.
  Points from, by;
  for (Index u = 0; u < 3; ++u)
    for (Index v = 0; v < 3; ++v) {
      const double y = -static_cast<double>(kRow + u - 1) - 0.25 - 0.25 * static_cast<double>(v);
      from.push_back({static_cast<double>(kFirst + v - 1) + 0.15, y});
      by.push_back({kTile - 0.3, 0});
    }
  figure.arrows("one tap: four neighbouring pixels", from, by, Ink::blue);
  figure.text({4, -5.8}, "column 8 is outside: zeros", Ink::orange);
  return figure;
}

}  // namespace ink::apps
