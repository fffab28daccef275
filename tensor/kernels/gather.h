// Rows of a table by index, and the adjoint that adds them back.
#pragma once

#include "tensor/kernels/real.h"

namespace ink {

// table (rows, width), index (count) of whole numbers in [0, rows) stored as Real, out (count,
// width).
struct GatherSizes {
  Index rows;
  Index width;
  Index count;
};

namespace cpu {
// out[i, :] = table[index[i], :] (EMB.3)
void gather_rows(Real* out, const Real* table, const Real* index, const GatherSizes& sizes);
// dtable[r, :] = sum of dout[i, :] over all i with index[i] = r, in the order of i; other rows 0.
// (EMB.4)
void scatter_add_rows(Real* dtable, const Real* dout, const Real* index, const GatherSizes& sizes);
}  // namespace cpu
namespace cuda {
void gather_rows(Real* out, const Real* table, const Real* index, const GatherSizes& sizes);
void scatter_add_rows(Real* dtable, const Real* dout, const Real* index, const GatherSizes& sizes);
}  // namespace cuda

}  // namespace ink
