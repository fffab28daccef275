// Every op gives the same bits with 1, 2 and 3 threads.
#include <algorithm>

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

}  // namespace ink::test
