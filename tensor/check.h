// Errors of the user: one exception type, one way to raise it.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace ink {

// A mistake in what the caller gave. what() is one line: "[op] what was expected and what was
// given".
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Throws Error("[op] message").
template <class... Args>
[[noreturn]] void fail(const char* op, fmt::format_string<Args...> message, Args&&... args) {
  throw Error(fmt::format("[{}] {}", op, fmt::format(message, std::forward<Args>(args)...)));
}

// Throws Error("[op] message") unless `ok`.
template <class... Args>
void check(bool ok, const char* op, fmt::format_string<Args...> message, Args&&... args) {
  if (!ok) [[unlikely]]
    fail(op, message, std::forward<Args>(args)...);
}

}  // namespace ink
