// A fiber: a stack of its own on which a function runs until it suspends itself.
#pragma once

#include <cstddef>
#include <functional>

namespace ink::emulator {

class Fiber {
 public:
  // A stack of `stack_bytes` with a page below it that traps.
  explicit Fiber(std::size_t stack_bytes);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Gives an idle fiber the function that the next resume() starts. Without allocation, as fibers
  // are used again and again: `body(context)`.
  void start(void (*body)(void*), void* context);
  // Runs the fiber until it suspends or its function returns; from the main stack only.
  void resume();
  // Returns to whoever resumed this fiber; from the fiber only.
  void suspend();
  // Whether its function has returned.
  bool idle() const { return body_ == nullptr; }
  // Forgets a function that will never be resumed.
  void abandon();
  // Whether the address lies in the page below the stack.
  bool overflowed_at(const void* address) const;

 private:
  void reset();
  static void main(Fiber* self);

  std::size_t bytes_;
  std::size_t offset_;          // of the first frame, from the top of the stack
  std::byte* memory_;           // the trapping page, then the stack
  void* stack_ = nullptr;       // of the suspended fiber
  void* main_stack_ = nullptr;  // of whoever resumed it
  void (*body_)(void*) = nullptr;
  void* context_ = nullptr;
  // What AddressSanitizer knows of the two stacks.
  void* fake_stack_ = nullptr;
  const void* main_bottom_ = nullptr;
  std::size_t main_bytes_ = 0;
};

}  // namespace ink::emulator
