#include "apps/support/program.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <new>
#include <string>

namespace ink::apps {
namespace {

int report(const char* name, std::string message, int status) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  std::fflush(stdout);
  fmt::print(stderr, "{}: {}\n", name, message);
  return status;
}

}  // namespace

bool parse_arguments(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
    return true;
  } catch (const CLI::Success& request) {  // --help, --version
    app.exit(request);
    return false;
  } catch (const CLI::ParseError& error) {
    throw UsageError(fmt::format("{} (--help lists the options)", error.what()));
  }
}

int run_program(const char* name, const std::function<int()>& body) {
  try {
    return body();
  } catch (const UsageError& error) {
    return report(name, error.what(), 2);
  } catch (const std::bad_alloc&) {
    return report(name, "[memory] no memory is left", 1);
  } catch (const std::exception& error) {
    return report(name, error.what(), 1);
  }
}

}  // namespace ink::apps
