// Multi-head scaled dot-product attention, blockwise: the score matrix is never stored
// (Dao et al., 2022; the online softmax is Milakov & Gimelshein, 2018).
#pragma once

#include "tensor/kernels/real.h"

namespace ink {

// q, o (batch, queries, heads * head_dim); k, v (batch, keys, heads * head_dim). Head h reads the
// columns h * head_dim and on.
struct AttentionSizes {
  Index batch;
  Index queries;
  Index keys;
  Index heads;
  Index head_dim;
  Real scale;  // usually 1 / sqrt(head_dim)
};

namespace cpu {
// o = softmax(scale q k^T) v per head; logsumexp (batch, heads, queries) of the scaled scores
// (ACT.7) is kept for the backward pass. (ATT.1) (ATT.3)
void attention_forward(Real* o, Real* logsumexp, const Real* q, const Real* k, const Real* v,
                       const AttentionSizes& sizes);
// Recomputes the probabilities block by block from logsumexp, with D = rowsum(do o). (ATT.5)
void attention_backward(Real* dq, Real* dk, Real* dv, const Real* d_out, const Real* q,
                        const Real* k, const Real* v, const Real* o, const Real* logsumexp,
                        const AttentionSizes& sizes);
}  // namespace cpu
namespace cuda {
void attention_forward(Real* o, Real* logsumexp, const Real* q, const Real* k, const Real* v,
                       const AttentionSizes& sizes);
void attention_backward(Real* dq, Real* dk, Real* dv, const Real* d_out, const Real* q,
                        const Real* k, const Real* v, const Real* o, const Real* logsumexp,
                        const AttentionSizes& sizes);
}  // namespace cuda

}  // namespace ink
