#include "apps/support/progress_line.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>

namespace ink::apps {

ProgressLine::ProgressLine()
    : terminal_(::isatty(STDOUT_FILENO) == 1), erase_(terminal_ ? "\r\033[K" : "") {}

ProgressLine::~ProgressLine() {
  if (open_) std::putchar('\n');
}

void ProgressLine::show(const std::string& text) {
  next_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(terminal_ ? 250 : 15'000);
  fmt::print("{}{}{}", erase_, text, terminal_ ? "" : "\n");
  open_ = terminal_;
  std::fflush(stdout);
}

void ProgressLine::print(const std::string& text) {
  fmt::print("{}{}\n", erase_, text);
  open_ = false;
  std::fflush(stdout);
}

}  // namespace ink::apps
