// The contract of captured steps: a graph of the work on the GPU, and its traffic with the host.
// There is no CPU side: the CPU does the work again each time.
#pragma once

#include <cstddef>

namespace ink::cuda {

// Work on the stream that is recorded once and done as a whole as often as wanted.
class Graph {
 public:
  Graph() = default;
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Between begin() and end(), kernels and copies are recorded and not done. abandon() ends a
  // recording that came to nothing.
  void begin();
  void end();
  void abandon() noexcept;
  // Does what was recorded, after all work so far. Returns at once.
  void launch();

 private:
  void* executable_ = nullptr;  // cudaGraphExec_t
};

// Numbers that the host writes anew for each step, sent while the GPU is still at work on the step
// before: two blocks of pinned memory, and two on the device, in turn.
class Inputs {
 public:
  explicit Inputs(std::size_t bytes);
  ~Inputs();
  Inputs(const Inputs&) = delete;
  Inputs& operator=(const Inputs&) = delete;

  // Where the host may write. Waits until the numbers of the step before last have left.
  void* next();
  // Sends them: for the work that follows on the stream they lie at `device`. Returns at once.
  void send(void* device);

 private:
  std::size_t bytes_;
  int turn_ = 0;
  void* pinned_[2] = {};
  void* staged_[2] = {};  // on the device
  void* sent_[2] = {};    // cudaEvent_t: pinned -> staged is done
  void* taken_[2] = {};   // cudaEvent_t: staged -> its place is done
};

// Numbers on their way from the device to pinned memory.
class Outputs {
 public:
  explicit Outputs(std::size_t bytes);
  ~Outputs();
  Outputs(const Outputs&) = delete;
  Outputs& operator=(const Outputs&) = delete;

  // Fetches what lies at `device` after all work so far. Returns at once.
  void fetch(const void* device);
  // Waits for them.
  const void* wait();

 private:
  std::size_t bytes_;
  void* pinned_ = nullptr;
  void* fetched_ = nullptr;  // cudaEvent_t
};

}  // namespace ink::cuda
