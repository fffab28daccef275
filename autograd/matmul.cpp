// Matrix products and the linear layer.
#include "autograd/ops.h"
#include "tensor/kernels/gemm.h"
#include "tensor/ops.h"

namespace ink {

Variable matmul(const Variable& a, const Variable& b) {
  return record(
      "matmul", matmul(a.value(), b.value()), {a, b},
      [a = Saved(a.value(), "a"), b = Saved(b.value(), "b"), da = a.requires_grad(),
       db = b.requires_grad()](const Tensor& dy) {
        // Summed over the products that shared an operand (MM.6).
        return Tensors{
            da ? sum_to(matmul(dy, b, false, true), a.get().shape()) : Tensor(),   // (MM.2)
            db ? sum_to(matmul(a, dy, true, false), b.get().shape()) : Tensor()};  // (MM.3)
      });
}

namespace {

// C = A B, either operand transposed where its shape says so, into a fresh (m, n).
Tensor product(const Tensor& a, const Tensor& b, const GemmSizes& sizes,
               const GemmEpilogue& epilogue = {}) {
  Tensor c({sizes.m, sizes.n}, a.device());
  on<cpu::gemm, cuda::gemm>(a.device(), c.mutable_data(), a.data(), b.data(), epilogue, sizes);
  return c;
}

void check_linear(const Variable& x, const Variable& weight, const Variable& bias,
                  const Shape& y_shape, const Variable& residual) {
  check(!bias.defined() || bias.shape() == Shape{weight.size(0)}, "linear",
        "expected a bias of shape {}, got {}", Shape{weight.size(0)}, bias.shape());
  check(!residual.defined() || residual.shape() == y_shape, "linear",
        "expected a residual of the result's shape {}, got {}", y_shape, residual.shape());
  check_same_device("linear", x.value(), weight.value());
}

}  // namespace

Variable linear(const Variable& x, const Variable& weight, const Variable& bias,
                const Variable& residual) {
  check(weight.axes() == 2 && x.axes() >= 1 && x.size(-1) == weight.size(1), "linear",
        "x (...,in) = {} does not fit the weight (out,in) = {}", x.shape(), weight.shape());
  const Index in = weight.size(1), out = weight.size(0), rows = x.count() / std::max(in, Index{1});
  Shape y_shape = x.shape();
  y_shape[x.axes() - 1] = out;
  check_linear(x, weight, bias, y_shape, residual);

  const Tensor input = x.value().contiguous(), w = weight.value().contiguous();
  const Tensor b = bias.defined() ? bias.value().contiguous() : Tensor();
  const Tensor r = residual.defined() ? residual.value().contiguous() : Tensor();
  const Tensor y = product(input, w, {.m = rows, .n = out, .k = in, .transpose_b = true},
                           {.bias = bias.defined() ? b.data() : nullptr,
                            .residual = residual.defined() ? r.data() : nullptr})
                       .reshape(y_shape);  // (MM.4)
  return record(
      "linear", y, {x, weight, bias, residual},
      [x = Saved(input, "x"), w = Saved(w, "weight"), shape = x.shape(), rows, in, out,
       dx = x.requires_grad(), dw = weight.requires_grad(), db = bias.requires_grad(),
       dr = residual.requires_grad()](const Tensor& upstream) {
        const Tensor dy = upstream.contiguous();  // (MM.5)
        return Tensors{
            dx ? product(dy, w, {.m = rows, .n = in, .k = out}).reshape(shape) : Tensor(),
            dw ? product(dy, x, {.m = out, .n = in, .k = rows, .transpose_a = true}) : Tensor(),
            db ? sum(dy.reshape({rows, out}), {0}) : Tensor(), dr ? dy : Tensor()};
      });
}

Variable composed::linear(const Variable& x, const Variable& weight, const Variable& bias,
                          const Variable& residual) {
  const Variable rows = reshape(x, {-1, x.size(-1)});
  Shape shape = x.shape();
  shape[x.axes() - 1] = weight.size(0);
  Variable y = reshape(matmul(rows, transpose(weight, 0, 1)), shape);
  if (bias.defined()) y = y + bias;
  if (residual.defined()) y = y + residual;
  return y;
}

}  // namespace ink
