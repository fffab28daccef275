#include "apps/support/mixture.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "tensor/check.h"

namespace ink::apps {

Mixture::Mixture(std::vector<Point> centers, double deviation)
    : centers_(std::move(centers)), deviation_(deviation) {
  check(!centers_.empty() && deviation > 0, "mixture",
        "expected at least one center and a positive deviation, got {} and {}", centers_.size(),
        deviation);
}

Mixture Mixture::ring(int count, double deviation) {
  std::vector<Point> centers;
  for (int k = 0; k < count; ++k) {
    const double angle = 2 * std::numbers::pi * k / count;
    centers.push_back({std::cos(angle), std::sin(angle)});
  }
  return {centers, deviation};
}

Tensor Mixture::sample(Index n, Random& random) const {
  const Tensor part = random.uniform_int(0, static_cast<Index>(centers_.size()) - 1, {n});
  Tensor points = random.normal({n, 2}, 0, static_cast<Real>(deviation_));
  Real* to = points.mutable_data();
  for (Index i = 0; i < n; ++i) {
    const Point& center = centers_[static_cast<std::size_t>(part.data()[i])];
    to[2 * i] += static_cast<Real>(center.x);
    to[2 * i + 1] += static_cast<Real>(center.y);
  }
  return points;
}

namespace {

double squared_distance(const Mixture::Point& a, const Mixture::Point& b) {
  return (a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y);
}

Mixture::Point point(const Tensor& x, Index i) {
  return {static_cast<double>(x.data()[2 * i]), static_cast<double>(x.data()[2 * i + 1])};
}

// sum_k p_k (x - m_k) for the parts' means m_k, all of variance v.
Mixture::Point expected_deviation(const Mixture::Point& x, const std::vector<Mixture::Point>& means,
                                  double v) {
  double nearest = squared_distance(x, means.front());
  for (const auto& m : means) nearest = std::min(nearest, squared_distance(x, m));
  double total = 0;
  Mixture::Point sum{0, 0};
  for (const auto& m : means) {
    const double p = std::exp((nearest - squared_distance(x, m)) / (2 * v));
    total += p;
    sum.x += p * (x.x - m.x);
    sum.y += p * (x.y - m.y);
  }
  return {sum.x / total, sum.y / total};
}

}  // namespace

EpsTheta Mixture::best_eps(const Schedule& schedule) const {
  return [schedule, mixture = *this](const Tensor& x, const Tensor& t) {
    Tensor eps(x.shape());
    Real* to = eps.mutable_data();
    std::vector<Point> means = mixture.centers_;
    for (Index i = 0; i < x.size(0); ++i) {
      const double alpha_bar = schedule.alpha_bar[static_cast<std::size_t>(t.data()[i])];
      const double v = alpha_bar * mixture.deviation_ * mixture.deviation_ + 1 - alpha_bar;
      std::transform(mixture.centers_.begin(), mixture.centers_.end(), means.begin(),
                     [root = std::sqrt(alpha_bar)](const Point& center) {
                       return Point{root * center.x, root * center.y};
                     });
      const Point d = expected_deviation(point(x, i), means, v);
      const double factor = std::sqrt(1 - alpha_bar) / v;
      to[2 * i] = static_cast<Real>(factor * d.x);
      to[2 * i + 1] = static_cast<Real>(factor * d.y);
    }
    return eps;
  };
}

double Mixture::share_at_home(const Tensor& points) const {
  Index at_home = 0;
  for (Index i = 0; i < points.size(0); ++i) {
    at_home += std::any_of(centers_.begin(), centers_.end(), [&](const Point& center) {
      return squared_distance(point(points, i), center) <= 16 * deviation_ * deviation_;
    });
  }
  return static_cast<double>(at_home) / static_cast<double>(points.size(0));
}

}  // namespace ink::apps
