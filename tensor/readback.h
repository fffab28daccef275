// Values that are read without waiting for them.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "tensor/tensor.h"

namespace ink {

namespace cuda {
class Outputs;
}

// A queue of values on their way to the host. All requests are for tensors of one size and device.
class Readback {
 public:
  // Asks for the values that x has after all work so far. On a GPU this returns at once.
  void request(const Tensor& x);
  // How many requests have not been taken.
  std::size_t pending() const { return pending_.size(); }
  // The values of the earliest of them; waits for the device.
  std::vector<Real> take();

 private:
  struct Request {
    std::vector<Real> values;                // of a tensor on the CPU
    std::shared_ptr<cuda::Outputs> outputs;  // of one on a GPU
    std::size_t count;
  };
  std::deque<Request> pending_;
  std::vector<std::shared_ptr<cuda::Outputs>> spare_;
};

}  // namespace ink
