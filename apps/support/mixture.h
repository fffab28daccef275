// Points in the plane from a mixture of Gaussians. Noised it stays one, so the best possible eps is
// known in closed form, and a network can be compared with it.
#pragma once

#include <vector>

#include "diffusion/samplers.h"

namespace ink::apps {

class Mixture {
 public:
  struct Point {
    double x, y;
  };

  // All parts have the same weight and the same standard deviation.
  Mixture(std::vector<Point> centers, double deviation);
  // `count` parts on a circle of radius 1.
  static Mixture ring(int count = 8, double deviation = 0.08);

  // (n, 2)
  Tensor sample(Index n, Random& random) const;
  // eps*(x, t) = E[eps | x_t = x], which no network can beat; x (n, 2), t (n). With x_0 in part k,
  // x_t ~ N(sqrt(alpha_bar) mu_k, v I), v = alpha_bar s^2 + 1 - alpha_bar, and given x_t the part
  // is k with the probability p_k ~ exp(-|x - sqrt(alpha_bar) mu_k|^2 / 2 v): eps* = sqrt(1 -
  // alpha_bar) / v sum_k p_k (x - sqrt(alpha_bar) mu_k).
  EpsTheta best_eps(const Schedule& schedule) const;
  // The share of the points (n, 2) that lie within four standard deviations of a center.
  double share_at_home(const Tensor& points) const;

 private:
  std::vector<Point> centers_;
  double deviation_;
};

}  // namespace ink::apps
