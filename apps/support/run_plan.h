// How long a run lasts, and the learning rate that goes with it.
#pragma once

#include <optional>
#include <string>

#include "apps/support/settings.h"
#include "nn/optim/adamw.h"

namespace ink::apps {

// How fast a run goes, as measured so far, in seconds.
struct Pace {
  double elapsed = 0;    // of the whole run
  double step = 0;       // one training step
  double grid = 0;       // one picture of samples on the way
  double last_grid = 0;  // the one at the end
};

// The rate rises to its peak, stays there for 70 % of the run and falls along half a cosine. Of a
// run planned in steps, all is known from the start. Of a run planned in minutes, the number of
// steps is not: the rate stays at its peak until 70 % of the time are over, and then, once and for
// all, the last step is fixed from the time that a step has taken.
class RunPlan {
 public:
  // As the options say, or else in minutes on the CPU and in epochs on a GPU.
  static RunPlan from_options(const TrainOptions& options, const Settings& settings, Index images,
                              Device device);
  // Whether the options say how long the run lasts.
  static bool is_in(const TrainOptions& options);

  static RunPlan in_steps(Index steps, const Settings& settings);
  static RunPlan in_minutes(double minutes, const Settings& settings);

  const nn::LearningRate& rate() const { return rate_; }
  bool finished(Index step) const { return step >= rate_.total; }
  // Before step `step` of a run in minutes: fixes the last step when it is time to.
  void update(Index step, const Pace& pace);

  // The part of the run that is over, from 0 to 1.
  double share(Index step, const Pace& pace) const;
  double seconds_left(Index step, const Pace& pace) const;
  std::optional<double> minutes() const { return minutes_; }
  // The number of steps, where it is known.
  std::optional<Index> steps() const;
  // "10 minutes", "5,000 steps".
  std::string to_string() const;

  std::string to_json() const;
  static RunPlan from_json(const std::string& text);

 private:
  std::optional<double> minutes_;
  nn::LearningRate rate_;
};

}  // namespace ink::apps
