// The pool of working memory on the device.
#include "cuda/scratch.h"

#include "tests/support/cuda.h"

namespace ink::test {

TEST_CASE("cuda scratch: the same requests get the same addresses and no new memory") {
  const auto step = [] {
    std::vector<const void*> addresses;
    const cuda::Scratch<float> a(1000);
    addresses.push_back(a.data());
    for (const Index n : {1, 63, 1000, 1000, 100000}) {
      const cuda::Scratch<double> b(n), c(n);
      CHECK(b.data() != c.data());
      addresses.push_back(b.data());
      addresses.push_back(c.data());
    }
    return addresses;
  };
  step();
  const std::vector<const void*> first = step();
  const std::size_t allocations = cuda::scratch_system_allocations(), bytes = cuda::scratch_bytes();
  CHECK(allocations > 0);
  CHECK(step() == first);
  CHECK(step() == first);
  CHECK(cuda::scratch_system_allocations() == allocations);
  CHECK(cuda::scratch_bytes() == bytes);
}

TEST_CASE("cuda scratch: a block is as large as asked for, and none for nothing works") {
  for (const Index n : {0, 1, 255, 256, 257, 1023, 1025, 5000, 70001}) {
    const cuda::Scratch<char> block(n);
    std::vector<char> values(static_cast<std::size_t>(n), 'x');
    cuda::copy_from_host(block.data(), values.data(), values.size());
    CHECK(reinterpret_cast<std::uintptr_t>(block.data()) % 256 == 0);
  }
}

}  // namespace ink::test
