// Ctrl-C and its relatives ask the program to stop at the next good moment.
#pragma once

namespace ink::apps {

// While one lives, the first SIGINT, SIGTERM or SIGHUP is only remembered; a second one ends the
// process at once, as if nobody listened. At most one may live at a time.
class StopRequest {
 public:
  StopRequest();
  ~StopRequest();
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;

  // The signal that came, or 0.
  int signal() const;
  explicit operator bool() const { return signal() != 0; }
};

// Thrown out of long work, such as sampling, that nobody waits for any longer.
struct Interrupted {};

}  // namespace ink::apps
