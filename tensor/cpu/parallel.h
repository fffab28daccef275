// The one way work is shared among threads.
#pragma once

#include <omp.h>

#include <algorithm>

#include "tensor/kernels/real.h"

namespace ink::cpu {

// The consecutive blocks that one thread begins with: those from `next` on nobody has taken. On a
// cache line of its own, for everybody counts here.
struct alignas(64) BlockSpan {
  Index next, end;
};

// Calls body(first, last) for the consecutive blocks of [0, n), each `block` long but for the last.
// The blocks follow from n and `block` alone, and each is computed by one thread: a body whose
// result depends on nothing but its own block gives the same bits for any number of threads. The
// body must not throw.
//
// Each thread walks through a span of neighbouring blocks: what is fetched ahead, by the hardware
// or on request, arrives in the cache of the core that will use it. A thread at the end of its span
// takes blocks from the others': threads are not equally fast, be it that one wakes late, that the
// cores differ, or that other programs run on them.
template <class Body>
void parallel_blocks(Index n, Index block, const Body& body) {
  const Index blocks = (n + block - 1) / block;
  const auto run = [&](Index b) { body(b * block, std::min(n, (b + 1) * block)); };
  // One block, or a thread that is one of several already: no team of one is put together.
  if (blocks <= 1 || omp_in_parallel() != 0) {
    for (Index b = 0; b < blocks; ++b) run(b);
    return;
  }
  constexpr int kMostSpans = 64;  // more threads share them
  const int count = std::min(omp_get_max_threads(), kMostSpans);
  BlockSpan spans[kMostSpans];
  for (Index i = 0; i < count; ++i) spans[i] = {blocks * i / count, blocks * (i + 1) / count};
#pragma omp parallel
  for (int i = 0; i < count; ++i) {
    BlockSpan& span = spans[(omp_get_thread_num() + i) % count];
    for (;;) {
      Index b = 0;
#pragma omp atomic capture
      b = span.next++;
      if (b >= span.end) break;
      run(b);
    }
  }
}

}  // namespace ink::cpu
