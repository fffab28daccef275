// Multi-head attention whose score matrix is never stored.
#include "tensor/kernels/attention.h"

#include <cmath>

#include "autograd/ops.h"
#include "tensor/ops.h"

namespace ink {
namespace {

AttentionSizes attention_sizes(const Variable& q, const Variable& k, const Variable& v,
                               Index heads) {
  check(q.axes() == 3 && k.axes() == 3 && v.axes() == 3, "attention",
        "expected q (N,T,C) and k, v (N,S,C), got {}, {} and {}", q.shape(), k.shape(), v.shape());
  check(k.shape() == v.shape() && q.size(0) == k.size(0) && q.size(2) == k.size(2), "attention",
        "q (N,T,C) = {} does not fit k (N,S,C) = {} and v (N,S,C) = {}", q.shape(), k.shape(),
        v.shape());
  check(heads >= 1 && q.size(2) % heads == 0, "attention",
        "expected heads that divide the {} channels of q = {}, got {}", q.size(2), q.shape(),
        heads);
  check(k.size(1) >= 1, "attention", "expected at least one key, got k = {}", k.shape());
  const Index head_dim = q.size(2) / heads;
  // The scale keeps the variance of the scores at 1, whatever the width. (ATT.2)
  return {q.size(0), q.size(1), k.size(1),
          heads,     head_dim,  1 / std::sqrt(static_cast<Real>(head_dim))};
}

}  // namespace

Variable attention(const Variable& q, const Variable& k, const Variable& v, Index heads) {
  const AttentionSizes sizes = attention_sizes(q, k, v, heads);
  const Tensor query = q.value().contiguous(), key = k.value().contiguous(),
               value = v.value().contiguous();
  Tensor o(q.shape(), q.device()), logsumexp({sizes.batch, heads, sizes.queries}, q.device());
  on<cpu::attention_forward, cuda::attention_forward>(
      q.device(), o.mutable_data(), logsumexp.mutable_data(), query.data(), key.data(),
      value.data(), sizes);  // (ATT.1) (ATT.3)
  return record("attention", o, {q, k, v},
                [sizes, q = Saved(query, "q"), k = Saved(key, "k"), v = Saved(value, "v"),
                 o = Saved(o, "o"), logsumexp](const Tensor& upstream) {
                  const Tensor d_out = upstream.contiguous();
                  Tensor dq(q.get().shape(), d_out.device()), dk(k.get().shape(), d_out.device()),
                      dv(v.get().shape(), d_out.device());
                  on<cpu::attention_backward, cuda::attention_backward>(
                      d_out.device(), dq.mutable_data(), dk.mutable_data(), dv.mutable_data(),
                      d_out.data(), q.get().data(), k.get().data(), v.get().data(), o.get().data(),
                      logsumexp.data(),
                      sizes);  // (ATT.5)
                  return Tensors{dq, dk, dv};
                });
}

Variable composed::attention(const Variable& q, const Variable& k, const Variable& v, Index heads) {
  const AttentionSizes sizes = attention_sizes(q, k, v, heads);
  const auto by_head = [&](const Variable& x) {  // (n, t, h d) -> (n, h, t, d)
    return permute(reshape(x, {sizes.batch, x.size(1), heads, sizes.head_dim}), {0, 2, 1, 3});
  };
  const Variable scores = matmul(by_head(q), transpose(by_head(k), 2, 3)) * sizes.scale;
  const Variable o = matmul(composed::softmax(scores), by_head(v));
  return reshape(permute(o, {0, 2, 1, 3}), q.shape());
}

}  // namespace ink
