#include "cuda/runtime.h"

#include <sstream>

#include "cuda/profile.h"

namespace ink::cuda {
namespace {

template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

std::string to_string(const dim3& size) { return text('(', size.x, ',', size.y, ',', size.z, ')'); }
std::string version(int number) { return text(number / 1000, '.', number % 1000 / 10); }

template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw Error(text("[cuda] ", parts...));
}

__global__ void probe() {}

// Makes a context, takes a little memory and runs a kernel that does nothing.
cudaError_t try_out() {
  int devices = 0;
  if (const cudaError_t status = cudaGetDeviceCount(&devices); status != cudaSuccess) return status;
  if (devices == 0) return cudaErrorNoDevice;
  void* memory = nullptr;
  cudaError_t status = cudaMalloc(&memory, 1);
  if (status != cudaSuccess) return status;
  cudaLaunchConfig_t config{};
  config.gridDim = config.blockDim = dim3(1);
  status = cudaLaunchKernelEx(&config, probe);
  if (status == cudaSuccess) status = cudaDeviceSynchronize();
  (void)cudaFree(memory);
  return status;
}

}  // namespace

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  (void)cudaGetLastError();  // the next call starts afresh
  fail(what, ": ", cudaGetErrorString(status));
}

std::optional<std::string> unavailable() {
  int driver = 0, runtime = 0;
  (void)cudaDriverGetVersion(&driver);
  (void)cudaRuntimeGetVersion(&runtime);
  if (driver == 0) return "no NVIDIA driver on this machine";

  const cudaError_t status = try_out();
  (void)cudaGetLastError();
  switch (status) {
    case cudaSuccess:
      return std::nullopt;
    case cudaErrorNoDevice:
      return "the NVIDIA driver sees no GPU";
    case cudaErrorInsufficientDriver:
      return text("the NVIDIA driver is too old: it knows CUDA ", version(driver),
                  ", this build needs CUDA ", version(runtime));
    case cudaErrorMemoryAllocation:
      return "the GPU's memory is full";
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion: {
      cudaDeviceProp p;
      if (cudaGetDeviceProperties(&p, 0) != cudaSuccess) break;
      return text("this build has no kernels for the ", p.name, " (compute capability ", p.major,
                  '.', p.minor, ")");
    }
    default:
      break;
  }
  return text("the GPU does not work: ", cudaGetErrorString(status));
}

cudaStream_t stream() {
  static cudaStream_t instance = [] {
    cudaStream_t made = nullptr;
    check(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), "create a stream");
    return made;
  }();
  return instance;
}

void synchronize() { check(cudaStreamSynchronize(stream()), "wait for the GPU"); }

const Chip& chip() {
  static const Chip instance = [] {
    cudaDeviceProp p;
    int device = 0;
    check(cudaGetDevice(&device), "find a GPU");
    check(cudaGetDeviceProperties(&p, device), "ask the GPU for its properties");
    return Chip{p.name,           p.major,
                p.minor,          p.multiProcessorCount,
                p.totalGlobalMem, static_cast<int>(p.sharedMemPerBlockOptin)};
  }();
  return instance;
}

std::string description() {
  const Chip& c = chip();
  const auto tenths = static_cast<int>(static_cast<double>(c.memory_bytes) / 1e8 + 0.5);
  return text(c.name, ", compute capability ", c.major, '.', c.minor, ", ", tenths / 10, '.',
              tenths % 10, " GB");
}

unsigned blocks_for(Index n, Index size) {
  const Index blocks = (n + size - 1) / size;
  if (blocks > 0x7FFFFFFF) fail("a launch of ", blocks, " blocks is too large");
  return static_cast<unsigned>(blocks);
}

std::string name_of(const void* kernel) {
  const char* name = nullptr;
  if (cudaFuncGetName(&name, kernel) != cudaSuccess || name == nullptr) return "a kernel";
  return name;
}

void detail::before_launch(const void* kernel, const Launch& at) {
  const auto threads = std::size_t{at.block.x} * at.block.y * at.block.z;
  const bool fits = at.grid.x > 0 && at.grid.y > 0 && at.grid.z > 0 && at.grid.x <= 0x7FFFFFFF &&
                    at.grid.y <= 65535 && at.grid.z <= 65535 && threads > 0 && threads <= 1024;
  if (!fits) {
    fail(name_of(kernel), ": no chip takes a grid of ", to_string(at.grid), " blocks of ",
         to_string(at.block), " threads");
  }
  if (at.shared_bytes > static_cast<std::size_t>(chip().shared_bytes)) {
    fail(name_of(kernel), " needs ", at.shared_bytes, " bytes of shared memory, but this chip has ",
         chip().shared_bytes);
  }
  Profile::before_kernel();
}

void detail::after_launch(cudaError_t status, const void* kernel, const Launch& at) {
  if (status == cudaSuccess) return Profile::after_kernel(kernel);
  (void)cudaGetLastError();
  fail(name_of(kernel), ", ", to_string(at.grid), " blocks of ", to_string(at.block),
       " threads: ", cudaGetErrorString(status));
}

}  // namespace ink::cuda
