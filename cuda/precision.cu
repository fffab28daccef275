#include "cuda/precision.h"

#include <atomic>

#include "cuda/runtime.h"
#include "tensor/kernels/real.h"

namespace ink::cuda {
namespace {

std::atomic<Precision> asked_for{Precision::tf32};

}  // namespace

void set_precision(Precision precision) { asked_for = precision; }

Precision precision() {
  const bool tensor_cores = sizeof(Real) == sizeof(float) && chip().major >= 8;
  return tensor_cores ? asked_for.load() : Precision::exact;
}

}  // namespace ink::cuda
