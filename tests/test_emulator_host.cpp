// The runtime's interface in the emulator: machines that cannot, streams, graphs, limits.
#include <new>

#include "cuda/emulator/host_control.h"
#include "cuda/emulator/memory.h"
#include "cuda/runtime.h"
#include "cuda/shared.h"
#include "tests/support/cuda.h"

namespace ink::test {
namespace {

__global__ void add_to(Real* x, Real term) { x[threadIdx.x] += term; }
__global__ void count_odd(int* count, unsigned* largest, const Real* x, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= n || static_cast<int>(x[i]) % 2 == 0) return;
  atomicAdd(count, 1);
  atomicMax(largest, static_cast<unsigned>(x[i]));
}
__global__ void votes(Real* out) {
  const int t = static_cast<int>(threadIdx.x);
  const unsigned ballot = __ballot_sync(~0u, t % 3 == 0);
  out[4 * t] = static_cast<Real>(__popc(ballot));
  out[4 * t + 1] = static_cast<Real>(__any_sync(~0u, t == 7));
  out[4 * t + 2] = static_cast<Real>(__all_sync(~0u, t == 7));
  out[4 * t + 3] =
      static_cast<Real>(__shfl_up_sync(~0u, t, 3, 16) + __shfl_down_sync(~0u, t, 5, 8));
}
__global__ void halves_apart(Real* out) {
  const int t = static_cast<int>(threadIdx.x);
  int sum = t;
  if (t < 16) {
    for (int d = 8; d > 0; d /= 2) sum += __shfl_xor_sync(0x0000FFFFu, sum, d);
  } else {
    sum = __shfl_sync(0xFFFF0000u, t, 20);
  }
  out[t] = static_cast<Real>(sum);
}

// The machine and the memory that a test changes, put back at its end.
class OtherMachine {
 public:
  OtherMachine() : before_(emulator::machine()), bytes_(emulator::device_bytes()) {}
  ~OtherMachine() {
    emulator::machine() = before_;
    emulator::set_device_bytes(bytes_);
  }
  OtherMachine(const OtherMachine&) = delete;
  OtherMachine& operator=(const OtherMachine&) = delete;

 private:
  emulator::Machine before_;
  std::size_t bytes_;
};

}  // namespace

TEST_CASE("cuda: why a machine cannot run the kernels") {
  CHECK(cuda::unavailable() == std::nullopt);
  const OtherMachine put_back;
  emulator::Machine& machine = emulator::machine();
  const emulator::Machine good = machine;

  machine.driver_version = 0;
  CHECK(cuda::unavailable() == "no NVIDIA driver on this machine");
  CHECK_THROWS_WITH_AS(cuda::allocate(4), "[cuda] no NVIDIA driver on this machine", cuda::Error);
  machine.driver_version = 12040;
  CHECK(cuda::unavailable() ==
        "the NVIDIA driver is too old: it knows CUDA 12.4, this build needs CUDA 13.0");
  machine = good;
  machine.devices = 0;
  CHECK(cuda::unavailable() == "the NVIDIA driver sees no GPU");
  machine = good;
  machine.has_kernels = false;
  machine.major = 6;
  machine.minor = 1;
  CHECK(cuda::unavailable() ==
        "this build has no kernels for the CUDA emulator (compute capability 6.1)");
  machine = good;
  emulator::set_device_bytes(0);
  CHECK(cuda::unavailable() == "the GPU's memory is full");
}

TEST_CASE("cuda: a full GPU") {
  const OtherMachine put_back;
  std::size_t free = 0, total = 0;
  REQUIRE(cudaMemGetInfo(&free, &total) == cudaSuccess);
  emulator::set_device_bytes(total - free + (1 << 20));
  REQUIRE(cudaMemGetInfo(&free, &total) == cudaSuccess);
  CHECK(free == 1 << 20);
  void* const half = cuda::allocate(1 << 19);
  CHECK_THROWS_AS(cuda::allocate((1 << 19) + 1), std::bad_alloc);
  CHECK(cudaPeekAtLastError() == cudaSuccess);
  cuda::release(half);
  cuda::release(cuda::allocate(1 << 20));
}

TEST_CASE("cuda: a launch larger than the chip takes") {
  OnDevice x(std::vector<Real>(1, 0));
  const auto words = doctest::Contains("[cuda] ink::test::add_to: no chip takes a grid of");
  CHECK_THROWS_WITH_AS(cuda::launch(add_to, {1, 1025}, x.data(), Real(1)), words, cuda::Error);
  CHECK_THROWS_WITH_AS(cuda::launch(add_to, {0, 1}, x.data(), Real(1)), words, cuda::Error);
  CHECK_THROWS_WITH_AS(cuda::launch(add_to, {dim3(1, 65536), 1}, x.data(), Real(1)), words,
                       cuda::Error);
  CHECK_THROWS_WITH_AS(
      cuda::launch(add_to, {1, 1, 100 * 1024}, x.data(), Real(1)),
      "[cuda] ink::test::add_to needs 102400 bytes of shared memory, but this chip has 101376",
      cuda::Error);
  cuda::launch(add_to, {1, 1, 99 * 1024}, x.data(), Real(1));
  CHECK(x.to_vector()[0] == 1);
  CHECK(cuda::blocks_for(0, 256) == 0);
  CHECK(cuda::blocks_for(257, 256) == 2);
  CHECK_THROWS_AS(cuda::blocks_for(Index(1) << 40, 256), cuda::Error);
}

TEST_CASE("emulator: copies know their sides") {
  OnDevice x(std::vector<Real>(4, 1));
  Real host[4] = {};
  const std::size_t bytes = sizeof host;
  CHECK(cudaMemcpy(host, x.data(), bytes, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(host, x.data(), bytes, cudaMemcpyDeviceToHost) == cudaSuccess);
  CHECK(host[3] == 1);
  CHECK(cudaFree(host) == cudaErrorInvalidValue);
  CHECK(cudaMemset(x.data(), 0, bytes) == cudaSuccess);
  CHECK(x.to_vector()[3] == 0);
  (void)cudaGetLastError();
}

TEST_CASE("emulator: integer atomics and votes") {
  std::vector<Real> x(300);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<Real>(i % 50);
  const OnDevice in(x);
  for_each_schedule([&] {
    void* const counts = cuda::allocate(2 * sizeof(int));
    REQUIRE(cudaMemset(counts, 0, 2 * sizeof(int)) == cudaSuccess);
    int* const count = static_cast<int*>(counts);
    cuda::launch(count_odd, {5, 64}, count, reinterpret_cast<unsigned*>(count + 1), in.data(), 300);
    int got[2] = {};
    cuda::copy_to_host(got, counts, sizeof got);
    CHECK(got[0] == 150);
    CHECK(got[1] == 49);
    cuda::release(counts);

    OnDevice out(4 * 32);
    cuda::launch(votes, {1, 32}, out.data());
    const std::vector<Real> y = out.to_vector();
    for (int t = 0; t < 32; ++t) {
      const std::size_t row = 4 * static_cast<std::size_t>(t);
      CHECK(y[row] == 11);
      CHECK(y[row + 1] == 1);
      CHECK(y[row + 2] == 0);
      const int up = t % 16 < 3 ? t : t - 3, down = t % 8 + 5 > 7 ? t : t + 5;
      CHECK(y[row + 3] == up + down);
    }

    OnDevice halves(32);
    cuda::launch(halves_apart, {1, 32}, halves.data());
    CHECK(halves.to_vector()[3] == 120);
    CHECK(halves.to_vector()[30] == 20);
  });
}

TEST_CASE("emulator: a captured graph does its work at each launch, and only then") {
  OnDevice x(std::vector<Real>(8, 1));
  cudaStream_t side = nullptr;
  cudaEvent_t forked = nullptr, joined = nullptr;
  REQUIRE(cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking) == cudaSuccess);
  REQUIRE(cudaEventCreateWithFlags(&forked, cudaEventDisableTiming) == cudaSuccess);
  REQUIRE(cudaEventCreateWithFlags(&joined, cudaEventDisableTiming) == cudaSuccess);

  cudaStreamCaptureStatus status;
  cudaGraph_t graph = nullptr;
  REQUIRE(cudaStreamBeginCapture(cuda::stream(), cudaStreamCaptureModeThreadLocal) == cudaSuccess);
  CHECK(cudaStreamIsCapturing(cuda::stream(), &status) == cudaSuccess);
  CHECK(status == cudaStreamCaptureStatusActive);
  cuda::launch(add_to, {1, 8}, x.data(), Real(2));
  CHECK(cudaEventRecord(forked, cuda::stream()) == cudaSuccess);
  CHECK(cudaStreamWaitEvent(side, forked) == cudaSuccess);
  CHECK(cudaMemsetAsync(x.data() + 4, 0, 4 * sizeof(Real), side) == cudaSuccess);
  CHECK(cudaEventRecord(joined, side) == cudaSuccess);
  CHECK(cudaStreamWaitEvent(cuda::stream(), joined) == cudaSuccess);
  // Neither memory nor the host can wait for what is only being written down.
  CHECK_THROWS_AS(cuda::synchronize(), cuda::Error);
  CHECK_THROWS_AS(cuda::allocate(4), cuda::Error);
  REQUIRE(cudaStreamEndCapture(cuda::stream(), &graph) == cudaSuccess);
  CHECK(x.to_vector() == std::vector<Real>(8, 1));

  cudaGraphExec_t exec = nullptr;
  REQUIRE(cudaGraphInstantiate(&exec, graph) == cudaSuccess);
  REQUIRE(cudaGraphDestroy(graph) == cudaSuccess);
  for (int i = 0; i < 3; ++i) CHECK(cudaGraphLaunch(exec, cuda::stream()) == cudaSuccess);
  CHECK(x.to_vector() == std::vector<Real>{7, 7, 7, 7, 0, 0, 0, 0});

  CHECK(cudaGraphExecDestroy(exec) == cudaSuccess);
  CHECK(cudaEventDestroy(forked) == cudaSuccess);
  CHECK(cudaEventDestroy(joined) == cudaSuccess);
  CHECK(cudaStreamDestroy(side) == cudaSuccess);
}

}  // namespace ink::test
