// Steps that are done again and again: on a GPU, recorded once as a graph and repeated as a whole.
#pragma once

#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "tensor/kernels/varying.h"
#include "tensor/tensor.h"

namespace ink {

class StepRecording;

// A step, made of ops on tensors. On the CPU, and the first times on a GPU, `body` runs as it is;
// then its kernels are recorded, and from there on a call repeats them all without running `body`
// again. What is different each time on the host goes through varying() and varying_tensor(). A
// body may not look at values on the GPU; tensors that it makes and keeps hold new values after
// every call.
class Repeated {
 public:
  Repeated(Device device, std::function<void()> body);
  ~Repeated();
  Repeated(const Repeated&) = delete;
  Repeated& operator=(const Repeated&) = delete;

  // Does the step once. On a GPU it returns before the work is done.
  void operator()();
  // Whether the step is a graph by now.
  bool is_recorded() const;

 private:
  Device device_;
  std::function<void()> body_;
  int runs_ = 0;
  std::unique_ptr<StepRecording> recording_;
};

// Whether steps on a GPU become graphs (true until it is said otherwise). It never changes a
// result.
void use_graphs(bool use);

// Writes values to where they are wanted.
using WriteValues = std::function<void(void* to)>;

// In a step that is being recorded: a place in device memory to which `write` brings new values
// before every call of the step. Elsewhere null, and `write` is not called.
const void* varying_address(Device device, std::size_t bytes, const WriteValues& write);

// A number that differs from step to step, for a kernel: what compute() returns now and, in a
// step that is being recorded, what it will return before each call. What it refers to must live as
// long as the step.
template <class F>
auto varying(Device device, const F& compute) {
  using T = std::invoke_result_t<F>;
  static_assert(std::is_trivially_copyable_v<T>);
  const T value = compute();
  // The first call of a recorded step takes the value that was just computed.
  const auto write = [compute, value, first = true](void* to) mutable {
    const T next = std::exchange(first, false) ? value : compute();
    std::memcpy(to, &next, sizeof(T));
  };
  return Varying<T>(value, static_cast<const T*>(varying_address(device, sizeof(T), write)));
}

// The same for a whole tensor: write(first) writes the elements, from the first one on.
Tensor varying_tensor(const Shape& shape, Device device, const std::function<void(Real*)>& write);

// Throws Error naming `op` while a step is being recorded for this device; `advice` says what to do
// instead.
void check_not_recording(const char* op, Device device, const char* advice);

}  // namespace ink
