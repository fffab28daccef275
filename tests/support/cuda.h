// Arrays on the CUDA device.
#pragma once

#include <doctest/doctest.h>

#include <vector>

#include "tensor/kernels/memory.h"
#include "tensor/kernels/real.h"
#include "tests/support/schedules.h"

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
  // The elements from `first` on.
  std::vector<Real> to_vector(Index first = 0) const {
    std::vector<Real> values(count_ - static_cast<std::size_t>(first));
    cuda::copy_to_host(values.data(), data_ + first, values.size() * sizeof(Real));
    return values;
  }

 private:
  std::size_t count_;
  Real* data_;
};

}  // namespace ink::test
