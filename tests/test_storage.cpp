// The caching allocator and the guard zones.
#include "tensor/storage.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdint>
#include <thread>

#include "autograd/ops.h"
#include "tensor/cpu/scratch.h"
#include "tensor/ops.h"
#include "tensor/random.h"

namespace ink {
namespace {

AllocatorStats stats() { return allocator_stats(Device::cpu); }

constexpr auto kRealBytes = static_cast<std::int64_t>(sizeof(Real));

// One step of a small network: forward, backward, an update.
void training_step(std::vector<Variable>& parameters, Random& random) {
  const Tensor x = random.normal({4, 9, 9, 8}), target = random.normal({4, 9, 9, 8});
  const Variable h = conv2d(x, parameters[0], {.padding = 1}, {.bias = parameters[1]});
  const Variable n = group_norm(h, parameters[2], parameters[3], {.groups = 2, .silu = true});
  const Variable tokens = reshape(n, {4, 81, 8});
  const Variable mixed = attention(tokens, tokens, linear(tokens, parameters[4]), 2);
  mse(reshape(mixed, {4, 9, 9, 8}), target).backward();
  for (Variable& parameter : parameters) {
    add_(parameter.mutable_value(), parameter.gradient() * Real(-0.01));
    parameter.zero_gradient();
  }
}

// What becomes of a process that runs `body`.
template <class Body>
int signal_of_child(const Body& body) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    close(STDERR_FILENO);
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

}  // namespace

TEST_CASE("allocator: a block that was given back is used again") {
  const Real* first = nullptr;
  {
    const Tensor x({1000});
    first = x.data();
  }
  const std::uint64_t before = stats().system_allocations;
  const Tensor same({1000});
  CHECK(same.data() == first);
  CHECK(stats().system_allocations == before);
}

TEST_CASE("allocator: nearly equal sizes share blocks, at most a quarter is wasted") {
  for (const Index count : {1, 15, 16, 17, 100, 1000, 1025, 5000, 100000}) {
    CAPTURE(count);
    const std::int64_t before = stats().bytes_in_use;
    const Tensor x({count});
    const std::int64_t held = stats().bytes_in_use - before, needed = count * kRealBytes;
    CHECK(held >= needed);
    CHECK(held <= std::max<std::int64_t>(needed * 5 / 4, needed + 64));
  }
  const Real* first = nullptr;
  {
    const Tensor x({100000});
    first = x.data();
  }
  const Tensor y({100100});
  CHECK(y.data() == first);
}

TEST_CASE("allocator: after the first training steps nothing reaches the system") {
  Random random(1);
  std::vector<Variable> parameters;
  for (const Shape& shape : {Shape{8, 3, 3, 8}, Shape{8}, Shape{8}, Shape{8}, Shape{8, 8}}) {
    parameters.emplace_back(random.normal(shape), true);
  }
  training_step(parameters, random);
  training_step(parameters, random);
  const std::uint64_t tensors = stats().system_allocations;
  const std::size_t scratch = cpu::scratch_system_allocations();
  const std::int64_t bytes = stats().bytes_in_use;
  for (int step = 0; step < 5; ++step) training_step(parameters, random);
  CHECK(stats().system_allocations == tensors);
  CHECK(cpu::scratch_system_allocations() == scratch);
  CHECK(stats().bytes_in_use == bytes);
}

TEST_CASE("scratch: what a thread had that ends serves the next one") {
  const auto use = [] { std::thread([] { const cpu::Scratch<char> block(3 << 20); }).join(); };
  use();
  const std::size_t allocations = cpu::scratch_system_allocations();
  use();
  CHECK(cpu::scratch_system_allocations() == allocations);
}

TEST_CASE("allocator: bytes in use, their peak, bytes reserved") {
  release_cached_memory(Device::cpu);
  reset_peak_bytes(Device::cpu);
  const AllocatorStats before = stats();
  CHECK(before.peak_bytes_in_use == before.bytes_in_use);
  CHECK(before.bytes_reserved == before.bytes_in_use);
  {
    const Tensor x({1 << 20});
    const std::int64_t megabyte = (1 << 20) * kRealBytes;
    CHECK(stats().bytes_in_use == before.bytes_in_use + megabyte);
    CHECK(stats().bytes_reserved == before.bytes_reserved + megabyte);
    CHECK(stats().system_allocations == before.system_allocations + 1);
  }
  CHECK(stats().bytes_in_use == before.bytes_in_use);
  CHECK(stats().peak_bytes_in_use >= before.bytes_in_use + (1 << 20) * kRealBytes);
  CHECK(stats().bytes_reserved > stats().bytes_in_use);
  release_cached_memory(Device::cpu);
  CHECK(stats().bytes_reserved == stats().bytes_in_use);
  reset_peak_bytes(Device::cpu);
  CHECK(stats().peak_bytes_in_use == stats().bytes_in_use);
}

TEST_CASE("allocator: memory is aligned to 64 bytes") {
  const auto misaligned = [](const Tensor& x) {
    return reinterpret_cast<std::uintptr_t>(x.data()) % 64;
  };
  for (const Index count : {0, 1, 7, 100, 12345}) {
    CHECK(misaligned(Tensor({count})) == 0);
    const GuardedAllocations guards;
    CHECK(misaligned(Tensor({count})) == 0);
  }
}

TEST_CASE("allocator: a large block begins where a huge page can") {
  constexpr Index kHugePage = Index{1} << 21;
  const Index count = 3 * kHugePage / static_cast<Index>(sizeof(Real));
  const Tensor x({count});
  CHECK(reinterpret_cast<std::uintptr_t>(x.data()) % kHugePage == 0);
}

TEST_CASE("allocator: a tensor larger than memory is refused in one line") {
#if !defined(__SANITIZE_ADDRESS__)  // which ends the process instead of throwing
  const AllocatorStats before = stats();
  try {
    // More than a process can address: some systems promise whatever is less.
    const Tensor x({Index{1} << 46});
    FAIL("allocated 256 TiB");
  } catch (const Error& error) {
    const std::string message = error.what();
    CHECK(message.starts_with("[allocate] the CPU has no "));
    CHECK(message.find(" MiB left for a tensor; ") != std::string::npos);
    CHECK(message.ends_with(" MiB are in use"));
  }
  CHECK(stats().bytes_in_use == before.bytes_in_use);
#endif
}

TEST_CASE("guards: fresh memory is NaN while they are on") {
  const GuardedAllocations guards;
  for (const Real value : Tensor({33}).to_vector()) CHECK(std::isnan(value));
  CHECK(Tensor::zeros({2}).at({1}) == 0);
}

TEST_CASE("guards: a write just outside is reported") {
  const GuardedAllocations guards;
  Tensor x = Tensor::zeros({3}), bystander = Tensor::zeros({5});
  CHECK_NOTHROW(guards.check_guards());
  for (const Index outside : {-1, 3, 60 / static_cast<int>(sizeof(Real))}) {
    CAPTURE(outside);
    Real* const address = x.mutable_data() + outside;
    const Real kept = *address;
    CHECK(std::isnan(kept));
    *address = 1;
    CHECK_THROWS_WITH_AS(guards.check_guards(),
                         "[guard] a kernel wrote outside a tensor of 3 elements", Error);
    *address = kept;
    CHECK_NOTHROW(guards.check_guards());
  }
}

TEST_CASE("guards: a damaged zone aborts the program when its tensor dies") {
  CHECK(signal_of_child([] {
          const GuardedAllocations guards;
          Tensor x = Tensor::zeros({3});
          x.mutable_data()[3] = 1;
        }) == SIGABRT);
  CHECK(signal_of_child([] {
          const GuardedAllocations guards;
          Tensor x = Tensor::zeros({3});
          x.mutable_data()[2] = 1;
        }) == 0);
}

TEST_CASE("guards: nest, and tensors may outlive them") {
  Tensor before = Tensor::zeros({2}), outlives;
  {
    const GuardedAllocations outer;
    {
      const GuardedAllocations inner;
      outlives = Tensor::full({2}, 3);
    }
    CHECK(std::isnan(Tensor({1}).item()));
    CHECK_NOTHROW(outer.check_guards());
  }
  CHECK(outlives.at({1}) == 3);
  before.fill_(1);
}

}  // namespace ink
