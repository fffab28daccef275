// Timing: the best and the median of several runs.
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

namespace ink::bench {

inline double seconds_now() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

// The seconds of `runs` calls of f, sorted, after one call that does not count.
template <class F>
std::vector<double> time_runs(int runs, const F& f) {
  f();
  std::vector<double> seconds;
  for (int run = 0; run < runs; ++run) {
    const double start = seconds_now();
    f();
    seconds.push_back(seconds_now() - start);
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds;
}

// The seconds of the best of `runs` calls, and of more until a fiftieth of a second has passed: a
// few calls of microseconds might all fall into one bad moment.
template <class F>
double best_of(int runs, const F& f) {
  constexpr double kLeastSeconds = 0.02;
  const double start = seconds_now();
  double best = time_runs(runs, f).front();
  while (seconds_now() - start < kLeastSeconds) best = std::min(best, time_runs(runs, f).front());
  return best;
}

}  // namespace ink::bench
