#include "cuda/emulator/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <new>

#include "cuda/emulator/sanitizer.h"

// ink_emulator_switch(save, stack): pushes the registers that a call preserves, leaves the stack
// pointer in *save, takes `stack` for the stack and pops them there.
extern "C" void ink_emulator_switch(void** save, void* stack);

#if defined(__APPLE__)
#define INK_SYMBOL "_ink_emulator_switch"
#else
#define INK_SYMBOL "ink_emulator_switch"
#endif

#if defined(__x86_64__)
asm(".text\n.globl " INK_SYMBOL "\n" INK_SYMBOL R"(:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");
#elif defined(__aarch64__)
asm(".text\n.globl " INK_SYMBOL "\n.p2align 2\n" INK_SYMBOL R"(:
  sub sp, sp, #160
  stp d8, d9, [sp]
  stp d10, d11, [sp, #16]
  stp d12, d13, [sp, #32]
  stp d14, d15, [sp, #48]
  stp x19, x20, [sp, #64]
  stp x21, x22, [sp, #80]
  stp x23, x24, [sp, #96]
  stp x25, x26, [sp, #112]
  stp x27, x28, [sp, #128]
  stp x29, x30, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp d8, d9, [sp]
  ldp d10, d11, [sp, #16]
  ldp d12, d13, [sp, #32]
  ldp d14, d15, [sp, #48]
  ldp x19, x20, [sp, #64]
  ldp x21, x22, [sp, #80]
  ldp x23, x24, [sp, #96]
  ldp x25, x26, [sp, #112]
  ldp x27, x28, [sp, #128]
  ldp x29, x30, [sp, #144]
  add sp, sp, #160
  ret
)");
#else
#error "the CUDA emulator switches stacks on x86-64 and AArch64 only: build with INK_TESTS=OFF"
#endif

namespace ink::emulator {
namespace {

// The fiber that is about to start: the first frame takes it from here, as no argument register
// survives the switch.
Fiber* starting = nullptr;

std::size_t page_bytes() {
  static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

Fiber::Fiber(std::size_t stack_bytes) : bytes_(stack_bytes) {
  // Stacks that start at the same offset of a page would share the same few lines of the cache.
  static std::size_t count = 0;
  offset_ = (count++ % 61) * 192;
  void* memory = ::mmap(nullptr, bytes_ + page_bytes(), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  memory_ = static_cast<std::byte*>(memory);
  ::mprotect(memory_, page_bytes(), PROT_NONE);
  reset();
}

Fiber::~Fiber() { ::munmap(memory_, bytes_ + page_bytes()); }

// Lays out a stack as if main() had just called the switch.
void Fiber::reset() {
  const auto top = (reinterpret_cast<std::uintptr_t>(memory_ + page_bytes() + bytes_) - offset_) &
                   ~std::uintptr_t{63};
  auto** frame = reinterpret_cast<void**>(top);
  const auto first = reinterpret_cast<void*>(+[] { Fiber::main(starting); });
#if defined(__x86_64__)
  // The null above it, as if main() had a caller, ends a debugger's backtrace.
  *--frame = nullptr;
  *--frame = first;
  for (int i = 0; i < 6; ++i) *--frame = nullptr;
#else
  frame -= 20;
  for (int i = 0; i < 20; ++i) frame[i] = nullptr;
  frame[19] = first;
#endif
  stack_ = frame;
}

void Fiber::start(void (*body)(void*), void* context) {
  body_ = body;
  context_ = context;
}

void Fiber::resume() {
  starting = this;
  void* fake = nullptr;
  sanitizer::start_switch(&fake, memory_ + page_bytes(), bytes_);
  ink_emulator_switch(&main_stack_, stack_);
  sanitizer::finish_switch(fake, nullptr, nullptr);
}

void Fiber::suspend() {
  sanitizer::start_switch(&fake_stack_, main_bottom_, main_bytes_);
  ink_emulator_switch(&stack_, main_stack_);
  sanitizer::finish_switch(fake_stack_, &main_bottom_, &main_bytes_);
}

void Fiber::main(Fiber* self) {
  sanitizer::finish_switch(nullptr, &self->main_bottom_, &self->main_bytes_);
  while (true) {
    self->body_(self->context_);
    self->body_ = nullptr;
    self->suspend();
  }
}

void Fiber::abandon() {
  body_ = nullptr;
  fake_stack_ = nullptr;
  sanitizer::unpoison(memory_ + page_bytes(), bytes_);
  reset();
}

bool Fiber::overflowed_at(const void* address) const {
  const auto* at = static_cast<const std::byte*>(address);
  return at >= memory_ && at < memory_ + page_bytes();
}

}  // namespace ink::emulator
