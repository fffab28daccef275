#include "cuda/emulator/async_copy.h"

#include <array>
#include <cstring>
#include <deque>
#include <vector>

#include "cuda/emulator/block.h"

namespace ink::emulator {
namespace {

struct Copy {
  void* to;
  const void* from;
  std::size_t bytes;
  bool valid;
};

// A thread's groups in the order of their commits; the last one is still open.
using Groups = std::deque<std::vector<Copy>>;

thread_local std::array<Groups, kMaxThreads> of_threads;

Groups& groups() {
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  Groups& mine = of_threads[thread];
  if (mine.empty()) mine.emplace_back();
  return mine;
}

}  // namespace

void start_copy(void* to, const void* from, std::size_t bytes, bool valid) {
  std::memset(to, 0xFF, bytes);
  groups().back().push_back({to, from, bytes, valid});
}

void commit_copies() { groups().emplace_back(); }

void wait_for_copies(int pending) {
  Groups& mine = groups();
  while (mine.size() > static_cast<std::size_t>(pending) + 1) {
    for (const Copy& copy : mine.front()) {
      if (copy.valid)
        std::memcpy(copy.to, copy.from, copy.bytes);
      else
        std::memset(copy.to, 0, copy.bytes);
    }
    mine.pop_front();
  }
}

void forget_copies() {
  for (Groups& mine : of_threads) mine.clear();
}

}  // namespace ink::emulator
