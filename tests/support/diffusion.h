// What the tests of the derivations of the model share: the paper's schedule and one step's input.
#pragma once

#include "diffusion/samplers.h"
#include "tests/support/derivations.h"

namespace ink::test {

inline std::size_t at(Index t) { return static_cast<std::size_t>(t); }

// The schedule of the paper.
inline const Schedule& paper() {
  static const Schedule schedule = Schedule::linear();
  return schedule;
}

// One element.
inline Tensor number(double value) { return Tensor::full({1}, static_cast<Real>(value)); }
inline Tensor scaled(double a, const Tensor& x) { return static_cast<Real>(a) * x; }

// 1 - alpha_bar_t is the difference of two numbers near 1, in double: at t = 1, where it is 1e-4,
// it is known to this, relative to itself.
constexpr double kSchedule = 0x1p-53 / 1e-4;

// x_t, eps and z for one step.
struct StepInput {
  Tensor x, eps, z;
  explicit StepInput(std::uint64_t seed) {
    Random random(seed);
    x = random.normal({50}), eps = random.normal({50}), z = random.normal({50});
  }
};
// Times at both ends and between.
inline const std::vector<Index> kTimes{1, 2, 3, 10, 100, 500, 999, 1000};

// The posterior's mean in terms of the noise (POST.5), with this weight of eps.
inline Tensor mean_of_noise(Index t, const StepInput& in, double weight) {
  return scaled(1 / std::sqrt(paper().alpha[at(t)]), in.x - scaled(weight, in.eps));
}
inline double weight_of_noise(Index t) {
  return paper().beta[at(t)] / std::sqrt(1 - paper().alpha_bar[at(t)]);
}

}  // namespace ink::test
