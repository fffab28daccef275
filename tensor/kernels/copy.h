// The one kernel that knows strides, and fill.
#pragma once

#include "tensor/kernels/real.h"

namespace ink {

// dst[i_0 * dst_stride[0] + ...] = src[i_0 * src_stride[0] + ...] over all indices below `shape`.
// A source stride of 0 repeats (broadcasting); destination positions are distinct.
struct CopySizes {
  int axes;
  Index shape[kMaxAxes];
  Index dst_stride[kMaxAxes];
  Index src_stride[kMaxAxes];
};

namespace cpu {
void copy(Real* dst, const Real* src, const CopySizes& sizes);
void fill(Real* dst, Real value, Index n);
}  // namespace cpu
namespace cuda {
void copy(Real* dst, const Real* src, const CopySizes& sizes);
void fill(Real* dst, Real value, Index n);
}  // namespace cuda

}  // namespace ink
