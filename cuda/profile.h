// Where the time of a graph goes, kernel by kernel.
#pragma once

#include <string>
#include <vector>

namespace ink::cuda {

// All launches of one kernel in a run of a graph.
struct KernelTime {
  std::string kernel;  // its symbol, as the compiler names it
  int launches;
  double seconds;
};

// While one lives, each kernel that goes into a graph is followed by an event. There can be one at
// a time.
class Profile {
 public:
  Profile();
  ~Profile();
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  // Of the graph's last run, for which it waits; the slowest first. What passes between two kernels
  // (a copy, a gap) counts for the second.
  std::vector<KernelTime> times() const;

  // The launch calls these, before and after.
  static void before_kernel();
  static void after_kernel(const void* kernel);

 private:
  struct Mark {
    const void* kernel;
    void* event;  // cudaEvent_t
  };
  void record(const void* kernel);

  std::vector<Mark> marks_;  // the first one stands before all kernels
};

}  // namespace ink::cuda
