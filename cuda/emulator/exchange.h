// Values on their way between the lanes of a warp.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <vector>

#include "cuda/emulator/block.h"

namespace ink::emulator {

struct Exchange {
  unsigned mask = 0;     // the lanes that take part
  unsigned arrived = 0;  // those that have come
  int readers = 0;       // those that may still look at the values
  std::size_t bytes = 0;
  alignas(64) std::byte values[kWarpSize * kMaxExchangedBytes];
};

// Exchanges are used again as soon as no lane looks at them.
class ExchangePool {
 public:
  Exchange* take(unsigned mask, std::size_t bytes) {
    if (free_.empty()) {
      all_.push_back(std::make_unique<Exchange>());
      free_.push_back(all_.back().get());
    }
    Exchange* const e = free_.back();
    free_.pop_back();
    e->mask = mask;
    e->bytes = bytes;
    e->arrived = 0;
    e->readers = 0;
    std::memset(e->values, 0xFF, kWarpSize * bytes);
    return e;
  }
  // One reader less.
  void leave(Exchange* e) {
    if (--e->readers == 0) free_.push_back(e);
  }

 private:
  std::vector<std::unique_ptr<Exchange>> all_;
  std::vector<Exchange*> free_;
};

}  // namespace ink::emulator
