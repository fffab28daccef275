// Division by a number that stays the same for a whole kernel.
#pragma once

#include <bit>
#include <cstdint>

#include "tensor/kernels/real.h"

namespace ink::cuda {

// n / d for 0 <= n < 2^31 by a multiplication: with 2^(s-1) < d <= 2^s and m = ceil(2^(31+s) / d),
// floor(n m / 2^(31+s)) = floor(n / d), because n (m d - 2^(31+s)) < 2^(31+s). (GPU.4)
class Divisor {
 public:
  explicit Divisor(Index d = 1)
      : divisor_(static_cast<std::uint32_t>(d)), shift_(std::bit_width(divisor_ - 1)) {
    const std::uint64_t power = std::uint64_t{1} << (31 + shift_);
    multiplier_ = static_cast<std::uint32_t>((power + divisor_ - 1) / divisor_);
  }

  // The upper word of 2 n m is n m / 2^31, by one instruction.
  HD int quotient(int n) const {
    const std::uint64_t product = std::uint64_t{2 * static_cast<std::uint32_t>(n)} * multiplier_;
    return static_cast<int>(static_cast<std::uint32_t>(product >> 32) >> shift_);
  }
  HD int value() const { return static_cast<int>(divisor_); }

 private:
  std::uint32_t divisor_, multiplier_;
  int shift_;
};

}  // namespace ink::cuda
