// What every program shares: how it reads its options and how it ends.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <utility>

#include "tensor/check.h"

namespace ink::apps {

// A mistake in the options. The program ends with status 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

// Throws UsageError("[option] message") unless `ok`.
template <class... Args>
void check_usage(bool ok, const char* option, fmt::format_string<Args...> message, Args&&... args) {
  if (!ok) {
    throw UsageError(
        fmt::format("[{}] {}", option, fmt::format(message, std::forward<Args>(args)...)));
  }
}

// Reads the command line into the variables bound to `app`. Returns false when there is nothing
// left to do: --help or --version was printed. Throws UsageError in one line.
bool parse_arguments(CLI::App& app, int argc, const char* const* argv);

// Runs `body` and returns the program's exit status: that of `body`, or 1 after an Error and 2
// after a UsageError, each printed to stderr as one line "<name>: [op] ...".
int run_program(const char* name, const std::function<int()>& body);

}  // namespace ink::apps
