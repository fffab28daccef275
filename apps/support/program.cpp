#include "apps/support/program.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <new>
#include <string>
#include <system_error>

namespace ink::apps {
namespace {

std::string quoted(const std::string& word) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=,:+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string text = "'";
  for (const char letter : word)
    text += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return text + "'";
}

int report(const char* name, std::string message, int status) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  std::fflush(stdout);
  fmt::print(stderr, "{}: {}\n", name, message);
  return status;
}

}  // namespace

Command::Command(int argc, const char* const* argv) : program(quoted(argv[0])) {
  for (int i = 0; i < argc; ++i) text += (i > 0 ? " " : "") + quoted(argv[i]);
}

std::string Command::sibling(const std::string& name) const {
  const auto slash = program.rfind('/');
  return slash == std::string::npos ? name : program.substr(0, slash + 1) + name;
}

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

CLI::Option* add_seed(CLI::App& app, const std::function<void(std::uint64_t)>& set) {
  const auto read = [set](const std::string& text) {
    std::uint64_t seed = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
    check_usage(error == std::errc() && end == text.data() + text.size(), "--seed",
                "expected a whole number from 0 to 2^64 - 1, got {}", text);
    set(seed);
  };
  return app.add_option_function<std::string>("--seed", read, "of all random numbers (default: 0)")
      ->type_name("UINT");
}

void add_machine_options(CLI::App& app, MachineOptions& options, const char* group) {
  app.add_option("--device", options.device, "auto (the GPU if there is one), cpu or cuda")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->group(group);
  app.add_option("--threads", options.threads, "threads on the CPU (default: one per core)")
      ->group(group);
  auto* precision = app.add_option("--precision", options.precision,
                                   "of products on a GPU: tf32 (default) or bf16, on tensor cores")
                        ->check(CLI::IsMember({"tf32", "bf16"}))
                        ->group(group);
  app.add_flag_callback(
         "--precise", [&options] { options.precision = "exact"; },
         "products on a GPU in exact float, as on the CPU")
      ->excludes(precision)
      ->group(group);
  app.add_flag("!--no-graph", options.graph,
               "on a GPU, launch every kernel anew instead of repeating steps as CUDA graphs; the "
               "result is the same")
      ->group(group);
}

void check_machine_options(const MachineOptions& options) {
  check_usage(!options.threads || (*options.threads >= 1 && *options.threads <= 1024), "--threads",
              "expected from 1 to 1024, got {}", options.threads.value_or(0));
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
