// The random streams of a run.
#pragma once

#include "tensor/random.h"

namespace ink::apps {

// Each purpose draws from a stream of its own, so that, for example, drawing pictures during
// training does not change the training.
enum class Stream : std::uint64_t { weights = 1, order = 2, noise = 3, sampling = 4 };

inline Random stream(std::uint64_t seed, Stream purpose, Device device = Device::cpu) {
  return Random(seed, device).fork(static_cast<std::uint64_t>(purpose));
}

}  // namespace ink::apps
