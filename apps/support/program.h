// What every program shares: how it reads its options and how it ends.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "apps/support/machine.h"
#include "tensor/check.h"

// Only what reads a command line includes <CLI/CLI.hpp>, which takes seconds to compile.
namespace CLI {
class App;
class Option;
}  // namespace CLI

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

// A command line as it could be typed again.
struct Command {
  Command(int argc, const char* const* argv);
  // Another program in the same folder.
  std::string sibling(const std::string& name) const;

  std::string program;  // argv[0]
  std::string text;     // all words, quoted where a shell needs it
};

// Reads the command line into the variables bound to `app`. Returns false when there is nothing
// left to do: --help or --version was printed. Throws UsageError in one line.
bool parse_arguments(CLI::App& app, int argc, const char* const* argv);

// Adds --seed, a whole number from 0 to 2^64 - 1, which is handed to `set`. (CLI11 would read -1 as
// the largest one.)
CLI::Option* add_seed(CLI::App& app, const std::function<void(std::uint64_t)>& set);

// Adds --device, --threads, --precision, --precise and --no-graph, in this group of the help.
void add_machine_options(CLI::App& app, MachineOptions& options, const char* group);
// Throws UsageError unless --threads is a number of threads that a machine could have.
void check_machine_options(const MachineOptions& options);

// Runs `body` and returns the program's exit status: that of `body`, or 1 after an Error and 2
// after a UsageError, each printed to stderr as one line "<name>: [op] ...".
int run_program(const char* name, const std::function<int()>& body);

}  // namespace ink::apps
