#include "apps/support/progress_line.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>

namespace ink::apps {

ProgressLine::ProgressLine()
    : terminal_(::isatty(STDOUT_FILENO) == 1), erase_(terminal_ ? "\r\033[K" : "") {}

void ProgressLine::show(const std::string& text, double seconds) {
  constexpr double kTerminalInterval = 0.25, kPlainInterval = 15;
  next_ = seconds + (terminal_ ? kTerminalInterval : kPlainInterval);
  fmt::print("{}{}{}", erase_, text, terminal_ ? "" : "\n");
  std::fflush(stdout);
}

void ProgressLine::print(const std::string& text) {
  fmt::print("{}{}\n", erase_, text);
  std::fflush(stdout);
}

}  // namespace ink::apps
