// The entry of the tests on a GPU: without one there is nothing to test, which ctest shows as
// skipped.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "cuda/available.h"

int main(int argc, char** argv) {
  if (const auto reason = ink::cuda::unavailable()) {
    std::printf("skipped: %s\n", reason->c_str());
    return 77;
  }
  return doctest::Context(argc, argv).run();
}
