// Numbers that differ from one run of a captured step to the next.
#pragma once

#include "tensor/kernels/real.h"

namespace ink {

// An argument of a kernel: by value; or, in a step that a CUDA graph repeats (tensor/graph.h), by
// an address in device memory that is refreshed before every run. `value` is then that of the
// first.
template <class T>
struct Varying {
  Varying(const T& v) : value(v) {}  // NOLINT: implicit, so that a plain value is taken as well
  Varying(const T& v, const T* where) : value(v), address(where) {}

  HD T get() const { return address == nullptr ? value : *address; }

  T value;
  const T* address = nullptr;
};

}  // namespace ink
