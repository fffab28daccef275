// The one line that says how training goes.
#pragma once

#include <chrono>
#include <string>

namespace ink::apps {

// On a terminal, one line that is written over; elsewhere, a line of its own now and then. An error
// that ends the program finds the cursor at the beginning of a line.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Whether it is time for a new line.
  bool due() const { return std::chrono::steady_clock::now() >= next_; }
  void show(const std::string& text);
  // Prints a line that stays.
  void print(const std::string& text);

 private:
  bool terminal_;
  const char* erase_;
  std::chrono::steady_clock::time_point next_{};
  bool open_ = false;  // the cursor stands behind a line that will be written over
};

}  // namespace ink::apps
