#include "tensor/optimizer.h"

#include "tensor/check.h"

namespace ink {

namespace {

void check_flat(const char* op, const Tensor& a, const Tensor& b) {
  check(a.count() == b.count() && a.device() == b.device(), op,
        "expects tensors of one length on one device, got {} and {}", a.shape(), b.shape());
  check(a.is_contiguous() && b.is_contiguous(), op, "expects compact tensors, got a strided view");
}

}  // namespace

void adamw_(Tensor& parameters, Tensor& moment1, Tensor& moment2, const Tensor& gradients,
            const Tensor& gradient_norm, const Varying<AdamWStep>& step, Tensor* average) {
  check_flat("adamw", parameters, moment1);
  check_flat("adamw", parameters, moment2);
  check_flat("adamw", parameters, gradients);
  if (average != nullptr) check_flat("adamw", parameters, *average);
  check(gradient_norm.count() == 1, "adamw", "expects one norm of all gradients, got {}",
        gradient_norm.shape());
  on<cpu::adamw, cuda::adamw>(parameters.device(), parameters.mutable_data(),
                              moment1.mutable_data(), moment2.mutable_data(),
                              average == nullptr ? nullptr : average->mutable_data(),
                              gradients.data(), gradient_norm.data(), parameters.count(), step);
}

void ema_(Tensor& average, const Tensor& parameters, const Varying<Real>& decay) {
  check_flat("ema", average, parameters);
  on<cpu::ema, cuda::ema>(average.device(), average.mutable_data(), parameters.data(),
                          average.count(), decay);
}

}  // namespace ink
