// A stream of random tensors.
#pragma once

#include <cstdint>

#include "tensor/kernels/random.h"
#include "tensor/tensor.h"

namespace ink {

// Draws from one Philox stream: the numbers follow from the seed and from what was drawn before,
// not from the device or the number of threads. The state is two integers, to be saved and
// restored. A step that is recorded as a graph (graph.h) draws new numbers each time, from the
// stream where it stands by then.
class Random {
 public:
  explicit Random(std::uint64_t seed, Device device = Device::cpu) : seed_(seed), device_(device) {}

  // On [low, high).
  Tensor uniform(const Shape& shape, Real low = 0, Real high = 1);
  Tensor normal(const Shape& shape, Real mean = 0, Real deviation = 1);
  // Whole numbers low..high, both included.
  Tensor uniform_int(Index low, Index high, const Shape& shape);
  // 0..n-1 in random order (Fisher-Yates).
  Tensor permutation(Index n);

  std::uint64_t seed() const { return seed_; }
  // The number of 128-bit blocks used so far.
  std::uint64_t position() const { return position_; }
  void set_position(std::uint64_t position) { position_ = position; }
  // An independent stream: the same seed with another name.
  Random fork(std::uint64_t name) const;

 private:
  // Takes the blocks for n numbers off the stream, each time a step is done.
  Varying<RandomDraw> take(Index n);
  RandomDraw take_now(Index n);

  std::uint64_t seed_;
  std::uint64_t position_ = 0;
  Device device_;
};

}  // namespace ink
