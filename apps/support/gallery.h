// The pictures that a run draws while it learns.
#pragma once

#include <functional>

#include "apps/support/run_folder.h"
#include "apps/support/sampling.h"
#include "apps/support/training_state.h"

namespace ink::apps {

// Every grid shows 8 x 8 samples of the averaged weights, drawn from the same noise, and guided as
// soon as there is a guide. On the way a
// short sampler draws them: the first within a minute, then one at every tenth of the run. At the
// end it is a longer one, unless that would take too large a part of the run's time.
class Gallery {
 public:
  Gallery(TrainingState& state, const Schedule& schedule, const RunFolder& folder);

  // Whether it is time to draw, at this pace.
  bool due(const Pace& pace);
  // What the pictures will take, in seconds.
  void estimate(Pace& pace) const;

  // Draws, saves and notes a frame. `during` is called after every step of the sampler with the
  // time just reached, and may throw to give up; nothing is saved then.
  using During = std::function<void(Index t)>;
  const Frame& draw(const During& during);
  const Frame& draw_last(const Pace& pace, const During& during);

 private:
  const Frame& draw(Sampler sampler, const During& during);
  double seconds(const Sampler& sampler, const Pace& pace) const;
  Sampler last_sampler(const Pace& pace) const;

  TrainingState& state_;
  const Schedule& schedule_;
  const RunFolder& folder_;
  double seconds_per_call_ = 0;  // of the network on a grid; 0: not yet measured
  Index next_tenth_ = 0;         // of the run, at which to draw again; 0: not yet known
};

}  // namespace ink::apps
