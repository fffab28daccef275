// The one way work is shared among threads.
#pragma once

#include <omp.h>

#include <algorithm>

#include "tensor/kernels/real.h"

namespace ink::cpu {

// Calls body(first, last) for the consecutive blocks of [0, n), each `block` long but for the last.
// The blocks follow from n and `block` alone, and each is computed by one thread: a body whose
// result depends on nothing but its own block gives the same bits for any number of threads. The
// body must not throw.
//
// A thread that is done with a block takes the next one: threads are not equally fast, be it that
// one wakes late, that the cores differ, or that other programs run on them.
template <class Body>
void parallel_blocks(Index n, Index block, const Body& body) {
  const Index blocks = (n + block - 1) / block;
  const auto run = [&](Index b) { body(b * block, std::min(n, (b + 1) * block)); };
  // One block, or a thread that is one of several already: no team of one is put together.
  if (blocks <= 1 || omp_in_parallel() != 0) {
    for (Index b = 0; b < blocks; ++b) run(b);
    return;
  }
#pragma omp parallel for schedule(dynamic)
  for (Index b = 0; b < blocks; ++b) run(b);
}

}  // namespace ink::cpu
