#include "apps/support/plane_picture.h"

#include <fmt/format.h>

#include "io/file.h"

namespace ink::apps {
namespace {

constexpr double kSide = 320, kTitle = 28, kGap = 12;

double number(const Tensor& x, Index i) { return static_cast<double>(x.data()[i]); }

}  // namespace

// Where (x, y) lies in its panel: y upwards.
std::string PlanePicture::place(double x, double y) const {
  return fmt::format("{:.1f},{:.1f}", kSide / 2 * (1 + x / extent_), kSide / 2 * (1 - y / extent_));
}

// A picture within the picture: what would lie outside is cut off.
void PlanePicture::panel(const std::string& title) {
  const double left = panels_ * (kSide + kGap);
  if (panels_++ > 0) body_ += "</svg>\n";
  body_ += fmt::format(
      "<text x='{0}' y='18' text-anchor='middle'>{1}</text>\n"
      "<svg x='{2}' y='{3}' width='{4}' height='{4}'>\n"
      "<rect width='{4}' height='{4}' fill='none' stroke='#999'/>\n",
      left + kSide / 2, title, left, kTitle, kSide);
}

void PlanePicture::points(const Tensor& at, const std::string& colour) {
  body_ += fmt::format("<path stroke='{}' stroke-width='2.4' stroke-linecap='round' d='", colour);
  for (Index i = 0; i < at.size(0); ++i)
    body_ += fmt::format("M{}h0", place(number(at, 2 * i), number(at, 2 * i + 1)));
  body_ += "'/>\n";
}

void PlanePicture::paths(const std::vector<Tensor>& steps, const std::string& colour) {
  body_ += fmt::format("<path stroke='{}' stroke-width='0.7' fill='none' d='", colour);
  for (Index i = 0; !steps.empty() && i < steps.front().size(0); ++i) {
    const char* move = "M";
    for (const Tensor& x : steps) {
      body_ += move;
      body_ += place(number(x, 2 * i), number(x, 2 * i + 1));
      move = "L";
    }
  }
  body_ += "'/>\n";
}

void PlanePicture::arrows(const Tensor& at, const Tensor& direction, double scale,
                          const std::string& colour) {
  body_ += fmt::format("<path stroke='{}' d='", colour);
  for (Index i = 0; i < at.size(0); ++i) {
    const double x = number(at, 2 * i), y = number(at, 2 * i + 1);
    body_ += fmt::format(
        "M{}L{}", place(x, y),
        place(x + scale * number(direction, 2 * i), y + scale * number(direction, 2 * i + 1)));
  }
  body_ += "'/>\n";
}

void PlanePicture::save(const std::filesystem::path& path) const {
  const double width = panels_ * (kSide + kGap) - kGap, height = kSide + kTitle;
  write_file_atomically(
      path, fmt::format("<svg xmlns='http://www.w3.org/2000/svg' viewBox='-2 0 {} {}' "
                        "font-family='sans-serif' font-size='14'>\n"
                        "<rect x='-2' width='100%' height='100%' fill='white'/>\n{}{}</svg>\n",
                        width + 4, height + 2, body_, panels_ > 0 ? "</svg>\n" : ""));
}

}  // namespace ink::apps
