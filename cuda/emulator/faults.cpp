#include "cuda/emulator/faults.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <utility>

#include "cuda/emulator/block.h"
#include "cuda/emulator/memory.h"
#include "cuda/emulator/symbols.h"

namespace ink::emulator {
namespace {

std::string latest;

// The handlers that were there before, for what is none of our business.
struct sigaction previous_segv;
struct sigaction previous_bus;

// "byte 12 of a block of 400 bytes", for an address of the arena.
void describe(char* text, std::size_t size, const void* address) {
  std::size_t bytes = 0;
  const void* const block = nearest_block(address, &bytes);
  if (block == nullptr) {
    std::snprintf(text, size, "no block was allocated there");
    return;
  }
  const auto offset = static_cast<const char*>(address) - static_cast<const char*>(block);
  const auto end = static_cast<std::ptrdiff_t>(bytes);
  if (offset < end) {
    std::snprintf(text, size, "byte %td of a block of %zu bytes", offset, bytes);
  } else {
    std::snprintf(text, size, "%td bytes past the end of a block of %zu bytes", offset - end,
                  bytes);
  }
}

void report_access(const void* address) {
  char line[512];
  char where[160];
  const void* const kernel = running_kernel();
  if (is_device_memory(address) && kernel == nullptr) {
    describe(where, sizeof where, address);
    std::snprintf(line, sizeof line,
                  "CUDA emulator: host code touched device memory at %p (%s); copy it first\n",
                  address, where);
  } else if (is_device_memory(address)) {
    describe(where, sizeof where, address);
    std::snprintf(line, sizeof line,
                  "CUDA emulator: %s, block (%u,%u,%u), thread (%u,%u,%u) touched %p: %s\n",
                  readable_name(kernel).c_str(), blockIdx.x, blockIdx.y, blockIdx.z, threadIdx.x,
                  threadIdx.y, threadIdx.z, address, where);
  } else if (kernel != nullptr && below_a_stack(address)) {
    std::snprintf(line, sizeof line,
                  "CUDA emulator: %s, block (%u,%u,%u), thread (%u,%u,%u) needs more stack than "
                  "the emulator gives a thread\n",
                  readable_name(kernel).c_str(), blockIdx.x, blockIdx.y, blockIdx.z, threadIdx.x,
                  threadIdx.y, threadIdx.z);
  } else if (kernel != nullptr) {
    std::snprintf(line, sizeof line,
                  "CUDA emulator: %s, block (%u,%u,%u), thread (%u,%u,%u) touched %p, which is no "
                  "memory at all\n",
                  readable_name(kernel).c_str(), blockIdx.x, blockIdx.y, blockIdx.z, threadIdx.x,
                  threadIdx.y, threadIdx.z, address);
  } else {
    return;
  }
  (void)!::write(STDERR_FILENO, line, std::strlen(line));
}

// Says what happened and lets the access happen again under the handler that was there before.
void on_fault(int signal, siginfo_t* info, void*) {
  report_access(info->si_addr);
  ::sigaction(signal, signal == SIGSEGV ? &previous_segv : &previous_bus, nullptr);
}

void watch(int signal, struct sigaction& previous) {
  struct sigaction current {};
  ::sigaction(signal, nullptr, &current);
  if ((current.sa_flags & SA_SIGINFO) != 0 && current.sa_sigaction == on_fault) return;
  previous = current;
  struct sigaction ours {};
  ours.sa_sigaction = on_fault;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigemptyset(&ours.sa_mask);
  ::sigaction(signal, &ours, nullptr);
}

}  // namespace

void set_report(std::string text) { latest = std::move(text); }
const std::string& report() { return latest; }

void watch_accesses() {
  // A thread that has run out of its stack cannot run a handler on it.
  static const bool has_stack = [] {
    static char stack[64 * 1024];
    stack_t current{};
    ::sigaltstack(nullptr, &current);
    if ((current.ss_flags & SS_DISABLE) == 0) return true;
    const stack_t ours{stack, 0, sizeof stack};
    return ::sigaltstack(&ours, nullptr) == 0;
  }();
  (void)has_stack;
  watch(SIGSEGV, previous_segv);
  watch(SIGBUS, previous_bus);  // what macOS sends
}

}  // namespace ink::emulator
