// Every op gives the same bits with 1, 2 and 3 threads, which share its blocks.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "tensor/cpu/parallel.h"
#include "tests/support/close.h"
#include "tests/support/op_checks.h"

namespace ink::test {
namespace {

Result with_threads(int count, const OpRow& row, const OpCase& c) {
  const ThreadCount threads(count);
  return differentiate(c, make_inputs(row, c));
}

}  // namespace

TEST_CASE("op table: same bits for any number of threads") {
  for_each_case([](const OpRow& row, const OpCase& c) {
    const Result one = with_threads(1, row, c);
    for (const int count : {2, 3}) {
      INFO(count, " threads");
      CHECK(different_bits(with_threads(count, row, c), one) == "");
    }
  });
}

TEST_CASE("op table: every op has a case that is shared among threads") {
  for (const OpRow& row : op_table()) {
    const bool has_large =
        std::any_of(row.cases.begin(), row.cases.end(), [](const OpCase& c) { return c.large; });
    const bool is_free = row.op == "squeeze" || row.op == "unsqueeze";
    INFO(row.op);
    CHECK((has_large || is_free));
  }
}

TEST_CASE("parallel_blocks: every block is taken once, by any number of threads") {
  constexpr Index kBlock = 5;
  for (const int count : {1, 2, 3, 7, 70})
    for (const Index n : {0, 1, 5, 6, 34, 500}) {
      CAPTURE(count);
      CAPTURE(n);
      const ThreadCount threads(count);
      std::vector<int> taken(static_cast<std::size_t>(n), 0);  // a block writes to its own alone
      std::atomic<bool> as_cut = true;
      cpu::parallel_blocks(n, kBlock, [&](Index first, Index last) {
        if (first % kBlock != 0 || last != std::min(n, first + kBlock)) as_cut = false;
        for (Index i = first; i < last; ++i) ++taken[static_cast<std::size_t>(i)];
      });
      CHECK(as_cut);
      CHECK(std::all_of(taken.begin(), taken.end(), [](int times) { return times == 1; }));
    }
}

TEST_CASE("parallel_blocks: a thread that is held up loses its blocks to the others") {
  const ThreadCount threads(2);
  constexpr Index kBlocks = 20;
  std::atomic<Index> done = 0;
  bool others_done = false;
  cpu::parallel_blocks(kBlocks, 1, [&](Index b, Index) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    if (b == 0) {
      while (done < kBlocks - 1 && std::chrono::steady_clock::now() < end)
        std::this_thread::yield();
      others_done = done == kBlocks - 1;
    }
    ++done;
  });
  CHECK(others_done);
}

}  // namespace ink::test
