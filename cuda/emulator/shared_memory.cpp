#include "cuda/emulator/shared_memory.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "cuda/emulator/block.h"
#include "cuda/emulator/sanitizer.h"
#include "cuda/emulator/symbols.h"

namespace ink::emulator {
namespace {

constexpr int kPattern = 0xFF;

struct Dynamic {
  alignas(128) std::byte bytes[kMaxDynamicShared];
  std::size_t used = 0;
};
Dynamic dynamic;

// All static variables, and those that the launch's first block has written to.
std::vector<SharedVariable> all;
std::vector<SharedVariable> touched;
bool first_block = true;

void poison(const std::vector<SharedVariable>& variables) {
  for (const SharedVariable& v : variables) std::memset(v.address, kPattern, v.bytes);
}

// Whether a byte differs from the pattern: the first one, or one from its neighbour.
bool is_touched(const SharedVariable& v) {
  return v.address[0] != std::byte{kPattern} ||
         std::memcmp(v.address, v.address + 1, v.bytes - 1) != 0;
}

}  // namespace

void poison_shared_memory_of_launch(std::size_t dynamic_bytes) {
  // AddressSanitizer guards what is static; it does not look at thread-local variables.
  if (!sanitizer::kAddress) all = shared_variables();
  poison(all);
  first_block = true;
  sanitizer::unpoison(dynamic.bytes, kMaxDynamicShared);
  dynamic.used = dynamic_bytes;
  std::memset(dynamic.bytes, kPattern, dynamic_bytes);
  sanitizer::poison(dynamic.bytes + dynamic_bytes, kMaxDynamicShared - dynamic_bytes);
}

void poison_shared_memory_of_block() {
  if (first_block) {
    first_block = false;
    touched.clear();
    std::copy_if(all.begin(), all.end(), std::back_inserter(touched), is_touched);
  }
  poison(touched);
  std::memset(dynamic.bytes, kPattern, dynamic.used);
}

void* dynamic_shared_memory() { return dynamic.bytes; }

}  // namespace ink::emulator
