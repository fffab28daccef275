#include "tensor/kernels/accumulate.h"

#include <algorithm>

#include "tensor/cpu/parallel.h"

namespace ink::cpu {

namespace {
constexpr Index kBlock = 16384;
}  // namespace

// The arrays are cut into blocks as if they lay one behind the other.
void accumulate(const Addition* additions, int count) {
  Index total = 0;
  for (int i = 0; i < count; ++i) total += additions[i].n;
  parallel_blocks(total, kBlock, [=](Index first, Index last) {
    Index begin = 0;  // of array i
    for (int i = 0; i < count && begin < last; begin += additions[i++].n) {
      const auto [to, from, n] = additions[i];
      const Index end = std::min(last - begin, n);
      for (Index j = std::max<Index>(first - begin, 0); j < end; ++j) to[j] += from[j];
    }
  });
}

}  // namespace ink::cpu
