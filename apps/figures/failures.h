// What a bug looks like: samplers with one wrong formula each, for the gallery of
// docs/what_to_expect.md.
#pragma once

#include <string>
#include <vector>

#include "diffusion/samplers.h"

namespace ink::apps {

// A coarse grid of times on which a step of Algorithm 2 leads from one to the next: the schedule of
// the merged steps (FWD.6), and the time that the network is told at each.
struct CoarseGrid {
  explicit CoarseGrid(Index steps);

  Schedule schedule;         // of `steps` steps
  std::vector<Index> times;  // (steps + 1), times[0] = 0
};

struct Failure {
  std::string name;  // of the picture
  std::string what;  // is wrong
  // Images of this shape as they would be saved: -1 is the byte 0, 1 is 255.
  Tensor (*sample)(const EpsTheta& eps_theta, const Shape& shape, Random& random);
};

// The first one, "right", has no fault.
const std::vector<Failure>& all_failures();

}  // namespace ink::apps
