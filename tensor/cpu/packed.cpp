#include "tensor/cpu/packed.h"

#include <map>
#include <mutex>
#include <tuple>

#include "tensor/kernels/packed_weights.h"

namespace ink {
namespace {

// Where the weights begin, what was made of them, and their sizes.
using Key = std::tuple<const Real*, cpu::Form, Index, Index, Index, Index>;

Key key_of(const cpu::Conv2dMap& map, cpu::Form form) {
  const cpu::DirectConv& conv = map.conv;
  return {map.weight.data, form, conv.c_out, conv.kernel_h, conv.kernel_w, conv.c_in};
}

// Threads may read the same weights; whoever writes to them is alone.
std::mutex mutex;

}  // namespace

struct PackedWeights::Copies {
  std::map<Key, cpu::Packed> by_key;
};

std::size_t PackedWeights::size() const { return copies == nullptr ? 0 : copies->by_key.size(); }

void PackedWeights::drop_copies() {
  delete copies;
  copies = nullptr;
}

namespace cpu {

Packed kept(const Conv2dMap& map, Form form) {
  const PackedWeights* packed = map.weight.packed;
  if (packed == nullptr) return nullptr;
  const std::lock_guard lock(mutex);
  if (packed->copies == nullptr) return nullptr;
  const auto found = packed->copies->by_key.find(key_of(map, form));
  return found == packed->copies->by_key.end() ? nullptr : found->second;
}

void keep(const Packed& packed, const Conv2dMap& map, Form form) {
  PackedWeights* to = map.weight.packed;
  if (to == nullptr) return;
  const std::lock_guard lock(mutex);
  if (to->copies == nullptr) to->copies = new PackedWeights::Copies;
  to->copies->by_key[key_of(map, form)] = packed;
}

}  // namespace cpu
}  // namespace ink
