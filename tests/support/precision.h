// What matrix products on CUDA multiply, within a scope; nothing in a build without CUDA.
#pragma once

#include "cuda/precision.h"
#include "tensor/dispatch.h"

namespace ink::test {

class WithPrecision {
 public:
  explicit WithPrecision(cuda::Precision precision) {
    if constexpr (kCuda) {
      before_ = cuda::precision();
      cuda::set_precision(precision);
    }
  }
  ~WithPrecision() {
    if constexpr (kCuda) cuda::set_precision(before_);
  }
  WithPrecision(const WithPrecision&) = delete;
  WithPrecision& operator=(const WithPrecision&) = delete;

 private:
  cuda::Precision before_ = cuda::Precision::exact;
};

}  // namespace ink::test
