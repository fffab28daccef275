#include "apps/support/waiting.h"

#include <unistd.h>

#include <cstdlib>

namespace ink::apps {

void sleep_while_waiting(char** argv) {
  constexpr const char* kChoices[] = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"};
  for (const char* name : kChoices) {
    if (std::getenv(name) != nullptr) return;
  }
  ::setenv("GOMP_SPINCOUNT", "3000", 1);  // GCC's runtime: turns of a loop
  ::setenv("KMP_BLOCKTIME", "0", 1);      // LLVM's: milliseconds
  ::execv("/proc/self/exe", argv);
}

}  // namespace ink::apps
