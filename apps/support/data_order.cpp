#include "apps/support/data_order.h"

#include <algorithm>

#include "tensor/ops.h"

namespace ink::apps {

Tensor DataOrder::next(Index count) {
  const auto images = static_cast<std::uint64_t>(images_);
  Tensors parts;
  for (Index left = count; left > 0;) {
    const auto first = static_cast<Index>(seen_ % images);
    const Index last = std::min(images_, first + left);
    parts.push_back(permutation_of(seen_ / images).slice(0, first, last));
    seen_ += static_cast<std::uint64_t>(last - first);
    left -= last - first;
  }
  return parts.size() == 1 ? parts.front() : concat(parts, 0);
}

const Tensor& DataOrder::permutation_of(std::uint64_t epoch) {
  if (!permutation_.defined() || epoch != epoch_) {
    permutation_ = random_.fork(epoch).permutation(images_);
    epoch_ = epoch;
  }
  return permutation_;
}

}  // namespace ink::apps
