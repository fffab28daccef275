// In which order training sees the images.
#pragma once

#include <cstdint>

#include "tensor/random.h"

namespace ink::apps {

// Every epoch is a permutation of its own, drawn from the stream and the epoch's number; a batch
// that begins at the end of one epoch continues in the next, so that no image is dropped. The state
// is one integer: the number of images seen.
class DataOrder {
 public:
  DataOrder(Index images, const Random& random) : images_(images), random_(random) {}

  // The indices of the next `count` images, (count).
  Tensor next(Index count);

  std::uint64_t seen() const { return seen_; }
  void set_seen(std::uint64_t seen) { seen_ = seen; }

 private:
  const Tensor& permutation_of(std::uint64_t epoch);

  Index images_;
  Random random_;
  std::uint64_t seen_ = 0;
  std::uint64_t epoch_ = 0;  // of permutation_
  Tensor permutation_;
};

}  // namespace ink::apps
