// Elementwise ops. The scalar formulas stand in tensor/kernels/elementwise.h.
#include "autograd/ops.h"
#include "tensor/ops.h"

namespace ink {

// ---- two inputs; a broadcast input's gradient is summed back to its shape (TEN.2) ------------

Variable operator+(const Variable& a, const Variable& b) {
  return record("add", map(Add{}, a.value(), b.value(), "add"), {a, b},
                [sa = a.shape(), sb = b.shape()](const Tensor& dy) {
                  return Tensors{sum_to(dy, sa), sum_to(dy, sb)};
                });
}

Variable operator-(const Variable& a, const Variable& b) {
  return record("subtract", map(Subtract{}, a.value(), b.value(), "subtract"), {a, b},
                [sa = a.shape(), sb = b.shape()](const Tensor& dy) {
                  return Tensors{sum_to(dy, sa), sum_to(map(Negate{}, dy), sb)};
                });
}

Variable operator*(const Variable& a, const Variable& b) {
  return record("multiply", map(Multiply{}, a.value(), b.value(), "multiply"), {a, b},
                [a = Saved(a.value(), "a"), b = Saved(b.value(), "b"), da = a.requires_grad(),
                 db = b.requires_grad()](const Tensor& dy) {
                  return Tensors{da ? sum_to(dy * b, a.get().shape()) : Tensor(),
                                 db ? sum_to(dy * a, b.get().shape()) : Tensor()};
                });
}

Variable operator/(const Variable& a, const Variable& b) {
  return record("divide", map(Divide{}, a.value(), b.value(), "divide"), {a, b},
                [a = Saved(a.value(), "a"), b = Saved(b.value(), "b"), da = a.requires_grad(),
                 db = b.requires_grad()](const Tensor& dy) {
                  return Tensors{
                      da ? sum_to(dy / b, a.get().shape()) : Tensor(),
                      db ? sum_to(map(DivideGradB{}, dy, a, b), b.get().shape()) : Tensor()};
                });
}

// ---- one input and a number ------------------------------------------------------------------

Variable operator*(const Variable& x, Real factor) {
  return record("scale", map(Scale{factor}, x.value()), {x},
                [factor](const Tensor& dy) { return Tensors{map(Scale{factor}, dy)}; });
}

Variable operator+(const Variable& x, Real term) {
  return record("shift", map(Shift{term}, x.value()), {x},
                [](const Tensor& dy) { return Tensors{dy}; });
}

Variable operator*(Real factor, const Variable& x) { return x * factor; }
Variable operator/(const Variable& x, Real divisor) { return x * (1 / divisor); }
Variable operator+(Real term, const Variable& x) { return x + term; }
Variable operator-(const Variable& x, Real term) { return x + (-term); }
Variable operator-(Real term, const Variable& x) { return -x + term; }

Variable pow(const Variable& x, Real exponent) {
  return record("pow", map(Power{exponent}, x.value()), {x},
                [exponent, x = Saved(x.value(), "x")](const Tensor& dy) {
                  return Tensors{map(PowerGrad{exponent}, dy, x)};
                });
}

Variable clamp(const Variable& x, Real low, Real high) {
  return record("clamp", map(Clamp{low, high}, x.value()), {x},
                [low, high, x = Saved(x.value(), "x")](const Tensor& dy) {
                  return Tensors{map(ClampGrad{low, high}, dy, x)};
                });
}

// ---- one input -------------------------------------------------------------------------------

Variable operator-(const Variable& x) {
  return record("negate", map(Negate{}, x.value()), {x},
                [](const Tensor& dy) { return Tensors{map(Negate{}, dy)}; });
}

namespace {

// y = Forward(x), dx = Backward(dy, x).
template <class Forward, class Backward>
Variable from_input(const char* op, const Variable& x) {
  return record(op, map(Forward{}, x.value()), {x}, [x = Saved(x.value(), "x")](const Tensor& dy) {
    return Tensors{map(Backward{}, dy, x)};
  });
}

// y = Forward(x), dx = Backward(dy, y): the output is saved in place of the input.
template <class Forward, class Backward>
Variable from_output(const char* op, const Variable& x) {
  const Tensor y = map(Forward{}, x.value());
  return record(op, y, {x},
                [y = Saved(y, "y")](const Tensor& dy) { return Tensors{map(Backward{}, dy, y)}; });
}

}  // namespace

Variable exp(const Variable& x) { return from_output<Exp, Multiply>("exp", x); }
Variable log(const Variable& x) { return from_input<Log, Divide>("log", x); }
Variable sqrt(const Variable& x) { return from_output<Sqrt, SqrtGrad>("sqrt", x); }
Variable square(const Variable& x) { return from_input<Square, SquareGrad>("square", x); }
Variable abs(const Variable& x) { return from_input<Abs, AbsGrad>("abs", x); }
Variable reciprocal(const Variable& x) {
  return from_output<Reciprocal, ReciprocalGrad>("reciprocal", x);
}
Variable sin(const Variable& x) { return from_input<Sin, SinGrad>("sin", x); }
Variable cos(const Variable& x) { return from_input<Cos, CosGrad>("cos", x); }
Variable tanh(const Variable& x) { return from_output<Tanh, TanhGrad>("tanh", x); }
Variable relu(const Variable& x) { return from_input<Relu, ReluGrad>("relu", x); }
Variable sigmoid(const Variable& x) { return from_output<Sigmoid, SigmoidGrad>("sigmoid", x); }
Variable silu(const Variable& x) { return from_input<Silu, SiluGrad>("silu", x); }  // (ACT.4)
Variable gelu(const Variable& x) { return from_input<Gelu, GeluGrad>("gelu", x); }  // (ACT.9)

Variable composed::silu(const Variable& x) { return x * reciprocal(exp(-x) + 1); }

}  // namespace ink
