// Arrays on the (emulated) CUDA device, and kernels under every schedule.
#pragma once

#include <doctest/doctest.h>

#include <vector>

#include "cuda/emulator/block.h"
#include "tensor/kernels/memory.h"
#include "tensor/kernels/real.h"

namespace ink::test {

// An array of Real on the device; its memory starts as NaN.
class OnDevice {
 public:
  explicit OnDevice(Index count)
      : count_(static_cast<std::size_t>(count)),
        data_(static_cast<Real*>(cuda::allocate(count_ * sizeof(Real)))) {}
  explicit OnDevice(const std::vector<Real>& values) : OnDevice(static_cast<Index>(values.size())) {
    cuda::copy_from_host(data_, values.data(), count_ * sizeof(Real));
  }
  ~OnDevice() { cuda::release(data_); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

  Real* data() { return data_; }
  const Real* data() const { return data_; }
  std::vector<Real> to_vector() const {
    std::vector<Real> values(count_);
    cuda::copy_to_host(values.data(), data_, count_ * sizeof(Real));
    return values;
  }

 private:
  std::size_t count_;
  Real* data_;
};

// Calls f() under each schedule of the emulator; a correct kernel gives the same bits each time.
template <class F>
void for_each_schedule(F f) {
  using emulator::Schedule;
  const Schedule before = emulator::schedule();
  for (const Schedule& schedule :
       {Schedule{Schedule::Order::forward}, Schedule{Schedule::Order::reverse},
        Schedule{Schedule::Order::one_warp}, Schedule{Schedule::Order::random, 1},
        Schedule{Schedule::Order::random, 2}}) {
    INFO("schedule ", static_cast<int>(schedule.order), ", seed ", schedule.seed);
    emulator::set_schedule(schedule);
    f();
  }
  emulator::set_schedule(before);
}

}  // namespace ink::test
