// Points, paths and arrows in the plane as an SVG file, panel beside panel.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace ink::apps {

class PlanePicture {
 public:
  // Each panel shows [-extent, extent] in both directions.
  explicit PlanePicture(double extent) : extent_(extent) {}

  // Starts the next panel; what is drawn from now on goes there. Colours are CSS's.
  void panel(const std::string& title);
  // (n, 2)
  void points(const Tensor& at, const std::string& colour);
  // The path of point i runs through steps[0][i], steps[1][i], ..., each (n, 2).
  void paths(const std::vector<Tensor>& steps, const std::string& colour);
  // From at[i] by scale * direction[i], both (n, 2).
  void arrows(const Tensor& at, const Tensor& direction, double scale, const std::string& colour);
  void save(const std::filesystem::path& path) const;

 private:
  std::string place(double x, double y) const;

  double extent_;
  int panels_ = 0;
  std::string body_;
};

}  // namespace ink::apps
