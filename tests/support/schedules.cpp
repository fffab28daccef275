#include "tests/support/schedules.h"

#include <doctest/doctest.h>

#if INK_CUDA_EMULATOR
#include "cuda/emulator/block.h"
#endif

namespace ink::test {

#if INK_CUDA_EMULATOR

void for_each_schedule(const std::function<void()>& f) {
  using emulator::Schedule;
  struct Restore {
    Schedule before = emulator::schedule();
    ~Restore() { emulator::set_schedule(before); }
  } const restore;
  for (const Schedule& schedule :
       {Schedule{Schedule::Order::forward}, Schedule{Schedule::Order::reverse},
        Schedule{Schedule::Order::one_warp}, Schedule{Schedule::Order::random, 1},
        Schedule{Schedule::Order::random, 2}}) {
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
