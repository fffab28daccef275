// Rows of a table by index.
#include "autograd/ops.h"
#include "tensor/ops.h"

namespace ink {

Variable embedding(const Variable& table, const Tensor& index) {
  check(table.axes() == 2, "embedding", "expected a table (rows,width), got {}", table.shape());
  return record("embedding", gather(table.value(), index), {table},
                [index = Saved(index, "index"), rows = table.size(0)](const Tensor& dy) {
                  return Tensors{scatter_add(dy, index, rows)};  // (EMB.4)
                });
}

}  // namespace ink
