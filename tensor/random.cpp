#include "tensor/random.h"

#include <numeric>
#include <utility>

#include "tensor/check.h"
#include "tensor/graph.h"
#include "tensor/kernels/random.h"

namespace ink {

Varying<RandomDraw> Random::take(Index n) {
  return varying(device_, [this, n] { return take_now(n); });
}

RandomDraw Random::take_now(Index n) {
  const RandomDraw draw{seed_, position_, n};
  position_ += static_cast<std::uint64_t>(n + 3) / 4;
  return draw;
}

Tensor Random::uniform(const Shape& shape, Real low, Real high) {
  Tensor out(shape, device_);
  on<cpu::random_uniform, cuda::random_uniform>(device_, out.mutable_data(), low, high,
                                                take(out.count()));
  return out;
}

Tensor Random::normal(const Shape& shape, Real mean, Real deviation) {
  Tensor out(shape, device_);
  on<cpu::random_normal, cuda::random_normal>(device_, out.mutable_data(), mean, deviation,
                                              take(out.count()));
  return out;
}

Tensor Random::uniform_int(Index low, Index high, const Shape& shape) {
  check(low <= high && high - low < (Index{1} << 24), "uniform_int",
        "expected low <= high < low + 2^24, got {} and {}", low, high);
  Tensor out(shape, device_);
  on<cpu::random_integers, cuda::random_integers>(device_, out.mutable_data(), low, high,
                                                  take(out.count()));
  return out;
}

Tensor Random::permutation(Index n) {
  check(n >= 0 && n < (Index{1} << 24), "permutation", "expected 0 <= n < 2^24, got {}", n);
  std::vector<Real> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Real{0});
  const RandomDraw draw = take_now(4 * n);
  for (Index i = n - 1; i > 0; --i) {
    // 64 random bits modulo i + 1: the bias is below 2^-40.
    const PhiloxBlock block = philox(draw.seed, draw.first_block + static_cast<std::uint64_t>(i));
    const std::uint64_t bits = (std::uint64_t{block.word[0]} << 32) | block.word[1];
    const auto j = static_cast<std::size_t>(bits % static_cast<std::uint64_t>(i + 1));
    std::swap(order[static_cast<std::size_t>(i)], order[j]);
  }
  return Tensor::from(order, {n}, device_);
}

Random Random::fork(std::uint64_t name) const {
  const PhiloxBlock block = philox(seed_, ~name);
  return Random((std::uint64_t{block.word[2]} << 32) | block.word[3], device_);
}

}  // namespace ink
