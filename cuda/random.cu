#include "tensor/kernels/random.h"

#include <algorithm>
#include <cmath>

#include "cuda/loop.cuh"
#include "tensor/kernels/normal.h"

namespace ink::cuda {

namespace {

// What a block of Philox becomes, four numbers at a time.
struct Uniform {
  Real low, high, below_high;
  __device__ Pack<4> operator()(const PhiloxBlock& block) const {
    Pack<4> result;
    for (int w = 0; w < 4; ++w) {
      const Real x = std::fma(high - low, unit_uniform(block.word[w]), low);
      result.value[w] = x < below_high ? x : below_high;
    }
    return result;
  }
};

struct Normal {
  Real mean, deviation;
  __device__ Pack<4> operator()(const PhiloxBlock& block) const {
    const NormalPair one = normal_pair(block.word[0], block.word[1]);
    const NormalPair two = normal_pair(block.word[2], block.word[3]);
    return {{std::fma(deviation, one.first, mean), std::fma(deviation, one.second, mean),
             std::fma(deviation, two.first, mean), std::fma(deviation, two.second, mean)}};
  }
};

struct Integers {
  Index low;
  std::uint32_t count;
  __device__ Pack<4> operator()(const PhiloxBlock& block) const {
    Pack<4> result;
    for (int w = 0; w < 4; ++w) {
      const auto above_low = static_cast<Index>(uniform_integer(block.word[w], count));
      result.value[w] = static_cast<Real>(low + above_low);
    }
    return result;
  }
};

template <class Transform>
__global__ void draw_kernel(Real* out, Transform transform, Varying<RandomDraw> varying) {
  const RandomDraw draw = varying.get();
  for (const Index b : indices((draw.n + 3) / 4)) {
    const std::uint64_t number = draw.first_block + static_cast<std::uint64_t>(b);
    const Pack<4> pack = transform(philox(draw.seed, number));
    for (int w = 0; w < 4; ++w) {
      if (4 * b + w < draw.n) out[4 * b + w] = pack.value[w];
    }
  }
}

template <class Transform>
void draw_numbers(Real* out, const Transform& transform, const Varying<RandomDraw>& draw) {
  const Index n = draw.value.n;
  if (n > 0) launch(draw_kernel<Transform>, launch_for((n + 3) / 4), out, transform, draw);
}

}  // namespace

void random_uniform(Real* out, Real low, Real high, const Varying<RandomDraw>& draw) {
  // Rounding may carry the sum up to `high`, which does not belong to the interval.
  const Real below_high = std::max(low, std::nextafter(high, low));
  draw_numbers(out, Uniform{low, high, below_high}, draw);
}

void random_normal(Real* out, Real mean, Real deviation, const Varying<RandomDraw>& draw) {
  draw_numbers(out, Normal{mean, deviation}, draw);
}

void random_integers(Real* out, Index low, Index high, const Varying<RandomDraw>& draw) {
  draw_numbers(out, Integers{low, static_cast<std::uint32_t>(high - low + 1)}, draw);
}

}  // namespace ink::cuda
