#include <cmath>

#include "nn/parameter.h"

namespace ink::nn {

Initializer zeros() {
  return [](Random&, const Shape& shape) { return Tensor::zeros(shape); };
}

Initializer ones() {
  return [](Random&, const Shape& shape) { return Tensor::ones(shape); };
}

Initializer normal(Real deviation) {
  return [deviation](Random& random, const Shape& shape) {
    return random.normal(shape, 0, deviation);
  };
}

Initializer uniform_fan_in(Index fan_in) {
  return [fan_in](Random& random, const Shape& shape) {
    const Real bound = 1 / std::sqrt(static_cast<Real>(fan_in));
    return random.uniform(shape, -bound, bound);
  };
}

}  // namespace ink::nn
