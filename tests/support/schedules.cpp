#include "tests/support/schedules.h"

#include <doctest/doctest.h>

#if INK_CUDA_EMULATOR
#include <vector>

#include "cuda/emulator/block.h"
#include "cuda/emulator/sanitizer.h"
#endif

namespace ink::test {

#if INK_CUDA_EMULATOR

namespace {

using emulator::Schedule;

// Sanitizers look for stray accesses, for which one order of the threads is as good as another, and
// are slow: they get two.
std::vector<Schedule> schedules() {
  if (emulator::sanitizer::kAddress)
    return {{Schedule::Order::reverse}, {Schedule::Order::random, 1}};
  return {{Schedule::Order::forward},
          {Schedule::Order::reverse},
          {Schedule::Order::one_warp},
          {Schedule::Order::random, 1},
          {Schedule::Order::random, 2}};
}

}  // namespace

void for_each_schedule(const std::function<void()>& f) {
  struct Restore {
    Schedule before = emulator::schedule();
    ~Restore() { emulator::set_schedule(before); }
  } const restore;
  for (const Schedule& schedule : schedules()) {
    INFO("schedule ", static_cast<int>(schedule.order), ", seed ", schedule.seed);
    emulator::set_schedule(schedule);
    f();
  }
}

#else

void for_each_schedule(const std::function<void()>& f) {
  for (int i = 0; i < 3; ++i) f();
}

#endif

}  // namespace ink::test
