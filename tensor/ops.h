// What can be computed with tensors, without gradients. Results are compact and on the inputs'
// device.
#pragma once

#include "tensor/check.h"
#include "tensor/dispatch.h"
#include "tensor/kernels/elementwise.h"
#include "tensor/kernels/reduce.h"
#include "tensor/tensor.h"

namespace ink {

// ---- elementwise -----------------------------------------------------------------------------

// f of every element.
template <class F>
Tensor map(F f, const Tensor& x) {
  static_assert(UnaryFunctors::contains<F>, "add the functor to UnaryFunctors");
  const Tensor a = x.contiguous();
  Tensor out(x.shape(), x.device());
  on<cpu::map<F, Real>, cuda::map<F, Real>>(x.device(), out.mutable_data(), out.count(), f,
                                            a.data());
  return out;
}

// Throws Error naming `op` unless the tensors are on one device.
void check_same_device(const char* op, const Tensor& a, const Tensor& b);

// f of every pair; the shapes broadcast. `op` is named in errors.
template <class F>
Tensor map(F f, const Tensor& x, const Tensor& y, const char* op = "map") {
  static_assert(BinaryFunctors::contains<F>, "add the functor to BinaryFunctors");
  check_same_device(op, x, y);
  const Shape shape = broadcast_shape(op, x.shape(), y.shape());
  const Tensor a = x.expand(shape).contiguous(), b = y.expand(shape).contiguous();
  Tensor out(shape, x.device());
  on<cpu::map<F, Real, Real>, cuda::map<F, Real, Real>>(x.device(), out.mutable_data(), out.count(),
                                                        f, a.data(), b.data());
  return out;
}

// f of every triple; the shapes broadcast.
template <class F>
Tensor map(F f, const Tensor& x, const Tensor& y, const Tensor& z, const char* op = "map") {
  static_assert(TernaryFunctors::contains<F>, "add the functor to TernaryFunctors");
  check_same_device(op, x, y);
  check_same_device(op, x, z);
  const Shape shape = broadcast_shape(op, broadcast_shape(op, x.shape(), y.shape()), z.shape());
  const Tensor a = x.expand(shape).contiguous(), b = y.expand(shape).contiguous(),
               c = z.expand(shape).contiguous();
  Tensor out(shape, x.device());
  on<cpu::map<F, Real, Real, Real>, cuda::map<F, Real, Real, Real>>(
      x.device(), out.mutable_data(), out.count(), f, a.data(), b.data(), c.data());
  return out;
}

inline Tensor operator+(const Tensor& a, const Tensor& b) { return map(Add{}, a, b, "add"); }
inline Tensor operator-(const Tensor& a, const Tensor& b) {
  return map(Subtract{}, a, b, "subtract");
}
inline Tensor operator*(const Tensor& a, const Tensor& b) {
  return map(Multiply{}, a, b, "multiply");
}
inline Tensor operator/(const Tensor& a, const Tensor& b) { return map(Divide{}, a, b, "divide"); }
inline Tensor operator*(Real s, const Tensor& a) { return map(Scale{s}, a); }
inline Tensor operator*(const Tensor& a, Real s) { return map(Scale{s}, a); }
inline Tensor operator/(const Tensor& a, Real s) { return map(Scale{1 / s}, a); }
inline Tensor operator+(const Tensor& a, Real s) { return map(Shift{s}, a); }
inline Tensor operator+(Real s, const Tensor& a) { return map(Shift{s}, a); }
inline Tensor operator-(const Tensor& a, Real s) { return map(Shift{-s}, a); }
inline Tensor operator-(Real s, const Tensor& a) { return map(Shift{s}, map(Negate{}, a)); }
inline Tensor operator-(const Tensor& a) { return map(Negate{}, a); }
inline Tensor exp(const Tensor& x) { return map(Exp{}, x); }
inline Tensor log(const Tensor& x) { return map(Log{}, x); }
inline Tensor sqrt(const Tensor& x) { return map(Sqrt{}, x); }
inline Tensor square(const Tensor& x) { return map(Square{}, x); }
inline Tensor sin(const Tensor& x) { return map(Sin{}, x); }
inline Tensor cos(const Tensor& x) { return map(Cos{}, x); }
inline Tensor clamp(const Tensor& x, Real low, Real high) { return map(Clamp{low, high}, x); }

// a += b for tensors of one shape, without a new tensor when `a` is compact.
void add_(Tensor& a, const Tensor& b);
// The same for pairs of tensors on one device, with few kernels for many small ones. No two of the
// sums may share memory.
void add_each_(std::vector<Tensor>& sums, const std::vector<Tensor>& terms);

// ---- reductions ------------------------------------------------------------------------------

// Over the listed axes (negative ones count from the end); no axes means all of them. With `keep`
// the reduced axes stay with size 1.
Tensor sum(const Tensor& x, const Shape& axes = {}, bool keep = false);
Tensor mean(const Tensor& x, const Shape& axes = {}, bool keep = false);
Tensor max(const Tensor& x, const Shape& axes = {}, bool keep = false);
Tensor sum_of_squares(const Tensor& x, const Shape& axes = {}, bool keep = false);

// The adjoint of expand: sums `x` over the axes along which `shape` was repeated to x.shape().
// (TEN.2)
Tensor sum_to(const Tensor& x, const Shape& shape);

// ---- products --------------------------------------------------------------------------------

// (..., m, k) (..., k, n) -> (..., m, n); the leading axes broadcast. With transpose_a, the stored
// a is (..., k, m); with transpose_b, b is (..., n, k). (MM.1)
Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a = false, bool transpose_b = false);

// Softmax over the last axis. (ACT.5)
Tensor softmax(const Tensor& x);

// ---- joining, cutting, choosing --------------------------------------------------------------

Tensor concat(const Tensors& parts, int axis);
// Views of `sizes[i]` along the axis, which must sum to its size.
Tensors split(const Tensor& x, const Shape& sizes, int axis);
// The slices of x along its first axis at the whole numbers of `index`: (count, ...) from index
// (count). (EMB.3)
Tensor gather(const Tensor& x, const Tensor& index);
// The adjoint of gather: rows of dy added at their index into zeros of `rows` rows. (EMB.4)
Tensor scatter_add(const Tensor& dy, const Tensor& index, Index rows);

// Throws Error naming `op` and `what` unless all elements are whole numbers from first to last. On
// a GPU, which would have to be waited for, nothing is checked.
void check_whole_numbers(const char* op, const char* what, const Tensor& x, Index first,
                         Index last);

// ---- comparing -------------------------------------------------------------------------------

// Same shape and bits (NaN equals NaN).
bool equal(const Tensor& a, const Tensor& b);
// Same shape and |a - b| <= absolute + relative |b| everywhere.
bool allclose(const Tensor& a, const Tensor& b, double relative = 1e-5, double absolute = 1e-8);
// max |a - b| / max |b|, infinite when a NaN or a shape differs: one number for "how wrong".
double relative_error(const Tensor& a, const Tensor& b);
// Whether every element is finite.
bool all_finite(const Tensor& x);

}  // namespace ink
