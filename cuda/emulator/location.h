// A place in the sources: what std::source_location is, which Clang 14 does not have.
#pragma once

namespace ink::emulator {

class Location {
 public:
  // As the default argument of a function: the place of its call.
  static constexpr Location current(const char* file = __builtin_FILE(),
                                    unsigned line = __builtin_LINE()) {
    Location here;
    here.file_ = file;
    here.line_ = line;
    return here;
  }

  constexpr const char* file_name() const { return file_; }
  constexpr unsigned line() const { return line_; }

 private:
  const char* file_ = "";
  unsigned line_ = 0;
};

}  // namespace ink::emulator
