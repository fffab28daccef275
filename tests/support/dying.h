// A function that should end the program, run in a child process.
#pragma once

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>

namespace ink::test {

// What f() wrote to stderr before it killed the process; the test fails if it did not.
template <class F>
std::string words_of_the_dying(F f) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  std::fflush(nullptr);  // or the child would print what waits in the buffers once more
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    // The runner's own words about the signal go nowhere.
    if (std::freopen("/dev/null", "w", stdout) == nullptr) ::_exit(1);
    f();
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string words;
  std::array<char, 4096> part;
  for (ssize_t n = 0; (n = ::read(ends[0], part.data(), part.size())) > 0;) {
    words.append(part.data(), static_cast<std::size_t>(n));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  const bool survived = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  CHECK_FALSE(survived);
  return words;
}

}  // namespace ink::test
