// Each fault that the CUDA emulator promises to catch, planted and caught.
#include <algorithm>
#include <cmath>
#include <set>

#include "cuda/emulator/sanitizer.h"
#include "cuda/runtime.h"
#include "cuda/shared.h"
#include "cuda/warp.cuh"
#include "tests/support/cuda.h"
#include "tests/support/dying.h"

namespace ink::test {
namespace {

// Every thread hands its number to its right neighbour.
__global__ void pass_on(Real* out, bool with_barrier) {
  __shared__ Real slot[64];
  const unsigned t = threadIdx.x;
  slot[t] = static_cast<Real>(t);
  if (with_barrier) __syncthreads();
  out[t] = slot[(t + 63) % 64];
}

// As above within a warp, for as many lanes as the block has.
__global__ void pass_on_in_a_warp(Real* out, bool with_barrier) {
  __shared__ Real slot[32];
  const unsigned t = threadIdx.x;
  slot[t] = static_cast<Real>(t);
  if (with_barrier) __syncwarp();
  out[t] = slot[(t + 31) % 32];
}

__global__ void barrier_in_a_branch(Real* out) {
  if (threadIdx.x < 40) __syncthreads();
  out[threadIdx.x] = 1;
}

__global__ void barriers_in_both_branches(Real* out) {
  if (threadIdx.x % 2 == 0) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  out[threadIdx.x] = 1;
}

__global__ void shuffle_in_a_branch(Real* out) {
  Real x = 1;
  if (threadIdx.x != 5) x = __shfl_xor_sync(~0u, x, 1);
  __syncthreads();
  out[threadIdx.x] = x;
}

__global__ void write_at(Real* out, Index position) { out[position] = 1; }
__global__ void read_at(Real* out, const Real* x, Index position) { out[0] = x[position]; }

__global__ void shared_memory_past_the_end(Real* out, int position) {
  __shared__ Real tile[8];
  tile[threadIdx.x] = 1;
  __syncthreads();
  const Real* const first = tile;
  out[0] = first[position];
}

__global__ void dynamic_memory_past_the_end(Real* out, int position) {
  out[0] = cuda::dynamic_shared<Real>()[position];
}

// Block 0 leaves something behind; block 1 reads it.
__global__ void read_what_a_block_left(Real* out) {
  __shared__ Real kept;
  Real* const kept_too = cuda::dynamic_shared<Real>();
  if (blockIdx.x == 0) {
    kept = 1;
    kept_too[0] = 1;
  }
  out[2 * blockIdx.x] = kept;
  out[2 * blockIdx.x + 1] = kept_too[0];
}

__global__ void fall(Real* out, int depth) {
  volatile char frame[4096];
  const int at = depth % 4096;  // so that no compiler makes it shorter
  frame[at] = static_cast<char>(depth);
  // NOLINTNEXTLINE(misc-no-recursion): this is what the test is about
  if (depth > 0) fall(out, depth - 1);
  out[0] = static_cast<Real>(frame[at]);
}

// How many different results a kernel gives under all schedules.
template <class Kernel>
std::size_t different_results(Kernel kernel, unsigned threads, bool with_barrier) {
  std::set<std::vector<Real>> results;
  for_each_schedule([&] {
    OnDevice out(threads);
    cuda::launch(kernel, {1, threads}, out.data(), with_barrier);
    std::vector<Real> values = out.to_vector();
    // NaN differs from itself.
    for (Real& v : values) v = std::isnan(v) ? Real(-1) : v;
    results.insert(std::move(values));
  });
  return results.size();
}

// The message of the error that the launch throws.
template <class Kernel>
std::string fault_of(Kernel kernel, unsigned threads) {
  OnDevice out(threads);
  try {
    cuda::launch(kernel, {1, threads}, out.data());
  } catch (const cuda::Error& error) {
    return error.what();
  }
  return "no fault";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("emulator: a missing barrier shows as results that depend on the schedule") {
  CHECK(different_results(pass_on, 64, false) > 1);
  CHECK(different_results(pass_on, 64, true) == 1);
  CHECK(different_results(pass_on_in_a_warp, 32, false) > 1);
  CHECK(different_results(pass_on_in_a_warp, 32, true) == 1);
}

TEST_CASE("emulator: a barrier that some threads never reach") {
  for_each_schedule([] {
    const std::string report = fault_of(barrier_in_a_branch, 64);
    CHECK(has(report, "ink::test::barrier_in_a_branch, (1,1,1) blocks of (64,1,1) threads"));
    CHECK(has(report, "threads of block (0,0,0) wait for each other for ever"));
    CHECK(has(report, "thread (39,0,0) waits at the barrier in "));
    CHECK(has(report, "test_emulator_faults.cpp:"));
    CHECK(has(report, "thread (40,0,0) has ended"));
    CHECK(std::count(report.begin(), report.end(), '\n') == 64);
  });
  // Two barriers in the source are one on no chip that checks.
  CHECK(has(fault_of(barriers_in_both_branches, 64), "wait for each other for ever"));
  // What is wrong in one launch does not reach into the next.
  CHECK(different_results(pass_on, 64, true) == 1);
}

TEST_CASE("emulator: a shuffle that a lane of its mask never reaches") {
  const std::string report = fault_of(shuffle_in_a_branch, 32);
  CHECK(has(report, "thread (4,0,0) waits for the lanes 0xffffffff in "));
  CHECK(has(report, "thread (5,0,0) waits at the barrier in "));
}

TEST_CASE("emulator: a stray write") {
  for (const Index position : {Index(10), Index(60), Index(-1)}) {
    CAPTURE(position);
    if (emulator::sanitizer::kAddress) {
      const std::string report = words_of_the_dying([&] {
        OnDevice out(10);
        cuda::launch(write_at, {1, 1}, out.data(), position);
      });
      CHECK(has(report, "AddressSanitizer: use-after-poison"));
      CHECK(has(report, "write_at"));
      CHECK(has(report, "test_emulator_faults.cpp:"));
    } else {
      OnDevice out(10);
      CHECK_THROWS_WITH_AS(
          cuda::launch(write_at, {1, 1}, out.data(), position),
          doctest::Contains("write_at, (1,1,1) blocks of (1,1,1) threads: it wrote"), cuda::Error);
    }
  }
}

TEST_CASE("emulator: a read outside a block sees NaN, or ends under AddressSanitizer") {
  const auto read = [](Index position) {
    const OnDevice x(std::vector<Real>(10, 1));
    OnDevice out(1);
    cuda::launch(read_at, {1, 1}, out.data(), x.data(), position);
    return out.to_vector()[0];
  };
  CHECK(read(9) == 1);
  if (emulator::sanitizer::kAddress) {
    CHECK(has(words_of_the_dying([&] { read(10); }), "AddressSanitizer: use-after-poison"));
  } else {
    CHECK(std::isnan(read(10)));
    CHECK(std::isnan(read(-1)));
  }
}

TEST_CASE("emulator: an access far away ends with a line that names the thread") {
  const std::string report = words_of_the_dying([] {
    OnDevice out(10);
    cuda::launch(write_at, {3, 1}, out.data(), Index(1) << 31);
  });
  CHECK(has(report, "CUDA emulator: ink::test::write_at, block (0,0,0), thread (0,0,0) touched "));
  CHECK(has(report, "past the end of a block of " + std::to_string(10 * sizeof(Real)) + " bytes"));
}

TEST_CASE("emulator: shared memory past its end") {
  if (!emulator::sanitizer::kAddress) return;  // only it can see this
  const auto launch = [](auto kernel, int position) {
    OnDevice out(1);
    cuda::launch(kernel, {1, 8, 8 * sizeof(Real)}, out.data(), position);
  };
  launch(shared_memory_past_the_end, 7);
  const std::string report = words_of_the_dying([&] { launch(shared_memory_past_the_end, 8); });
  CAPTURE(report);
  // UndefinedBehaviorSanitizer, where it is on too, may be the first to see it.
  CHECK((has(report, "AddressSanitizer: global-buffer-overflow") ||
         has(report, "insufficient space for an object")));
  launch(dynamic_memory_past_the_end, 7);
  CHECK(has(words_of_the_dying([&] { launch(dynamic_memory_past_the_end, 8); }),
            "AddressSanitizer: use-after-poison"));
}

TEST_CASE("emulator: memory that nobody has written holds NaN") {
  OnDevice fresh(3);
  for (const Real value : fresh.to_vector()) CHECK(std::isnan(value));

  OnDevice out(4);
  cuda::launch(read_what_a_block_left, {2, 1, sizeof(Real)}, out.data());
  const std::vector<Real> values = out.to_vector();
  CHECK(values[0] == 1);
  CHECK(values[1] == 1);
  // AddressSanitizer needs static shared memory to itself.
  if (!emulator::sanitizer::kAddress) CHECK(std::isnan(values[2]));
  CHECK(std::isnan(values[3]));
}

TEST_CASE("emulator: the host cannot touch device memory") {
  OnDevice x(std::vector<Real>(10, 1));
  const std::string words = "CUDA emulator: host code touched device memory at ";
  volatile Real sink = 0;
  const std::string report = words_of_the_dying([&] { sink = x.data()[3]; });
  CHECK(has(report, words));
  CHECK(has(report, "(byte " + std::to_string(3 * sizeof(Real)) + " of a block of " +
                        std::to_string(10 * sizeof(Real)) + " bytes); copy it first"));
  CHECK(has(words_of_the_dying([&] { x.data()[0] = 2; }), words));
  CHECK(x.to_vector()[0] == 1);
}

TEST_CASE("emulator: a thread that needs too much stack") {
  OnDevice out(1);
  cuda::launch(fall, {1, 1}, out.data(), 8);
  const std::string report = words_of_the_dying([&] {
    cuda::launch(fall, {1, 1}, out.data(), 4000);
  });
  CHECK(has(report, emulator::sanitizer::kAddress ? "AddressSanitizer" : "needs more stack"));
}

}  // namespace ink::test
