// The one line that says how training goes.
#pragma once

#include <string>

namespace ink::apps {

// On a terminal, one line that is written over; elsewhere, a line of its own now and then.
class ProgressLine {
 public:
  ProgressLine();

  // Whether it is time for a new line, `seconds` after the start.
  bool due(double seconds) const { return seconds >= next_; }
  void show(const std::string& text, double seconds);
  // Prints a line that stays.
  void print(const std::string& text);

 private:
  bool terminal_;
  const char* erase_;
  double next_ = 0;
};

}  // namespace ink::apps
