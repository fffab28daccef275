#include "apps/support/machine.h"

#include <fmt/format.h>
#include <omp.h>
#include <sys/utsname.h>

#include <fstream>

#include "cuda/available.h"
#include "cuda/precision.h"
#include "cuda/scratch.h"
#include "tensor/check.h"
#include "tensor/graph.h"
#include "tensor/storage.h"

namespace ink::apps {
namespace {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) {
      const auto first = line.find_first_not_of(" \t:", std::string("model name").size());
      if (first != std::string::npos) return line.substr(first);
    }
  }
  utsname system{};
  return ::uname(&system) == 0 ? fmt::format("{} processor", system.machine) : "a processor";
}

// The vector instructions that the programs were compiled for, and their width in bytes.
#if defined(__AVX512F__)
constexpr const char* kSimd = "AVX-512";
constexpr std::size_t kSimdBytes = 64;
#elif defined(__AVX2__)
constexpr const char* kSimd = "AVX2";
constexpr std::size_t kSimdBytes = 32;
#elif defined(__AVX__)
constexpr const char* kSimd = "AVX";
constexpr std::size_t kSimdBytes = 32;
#elif defined(__ARM_NEON)
constexpr const char* kSimd = "NEON";
constexpr std::size_t kSimdBytes = 16;
#else
constexpr const char* kSimd = "128-bit vectors";
constexpr std::size_t kSimdBytes = 16;
#endif

}  // namespace

std::string describe_machine() {
  const int threads = omp_get_max_threads();
  return fmt::format("{}, {} thread{}, {} ({} {}s at a time)", processor_name(), threads,
                     threads == 1 ? "" : "s", kSimd, kSimdBytes / sizeof(Real),
                     sizeof(Real) == sizeof(float) ? "float" : "double");
}

namespace {

// Why the GPU is not used, or nothing when it can be.
std::optional<std::string> why_no_gpu() {
  if constexpr (kCuda) return cuda::unavailable();
  return "this build has no CUDA backend";
}

Device choose_device(const std::string& name) {
  if (name == "cpu") return Device::cpu;
  const std::optional<std::string> reason = why_no_gpu();
  check(!reason || name != "cuda", "--device", "{}: use --device cpu or auto", reason.value_or(""));
  return reason ? Device::cpu : Device::cuda;
}

void set_precision(const std::string& name) {
  if constexpr (kCuda) {
    using cuda::Precision;
    cuda::set_precision(name == "exact"  ? Precision::exact
                        : name == "bf16" ? Precision::bf16
                                         : Precision::tf32);
  }
}

[[maybe_unused]] std::string precision_in_use() {
  if constexpr (kCuda) {
    switch (cuda::precision()) {
      case cuda::Precision::exact:
        return sizeof(Real) == sizeof(float) ? "exact float" : "double";
      case cuda::Precision::tf32:
        return "tf32";
      case cuda::Precision::bf16:
        return "bf16";
    }
  }
  return "";
}

std::string mebibytes(std::int64_t bytes) {
  return fmt::format("{:.0f} MiB", static_cast<double>(bytes) / 0x1p20);
}

}  // namespace

Device set_up(const MachineOptions& options) {
  if (options.threads) omp_set_num_threads(*options.threads);
  use_graphs(options.graph);
  set_precision(options.precision);
  return choose_device(options.device);
}

std::string describe_device(Device device) {
  if constexpr (kCuda) {
    if (device == Device::cuda) {
      return fmt::format("{}; {}", cuda::description(), precision_in_use());
    }
  }
  const std::optional<std::string> reason = why_no_gpu();
  return reason ? "CPU: " + *reason : "CPU";
}

std::string describe_memory(Device device) {
  const AllocatorStats stats = allocator_stats(device);
  const std::string tensors = mebibytes(stats.peak_bytes_in_use);
  if constexpr (kCuda) {
    if (device == Device::cuda) {
      const auto scratch = static_cast<std::int64_t>(cuda::scratch_bytes());
      return fmt::format("{} of tensors at most, {} of the GPU's memory in all", tensors,
                         mebibytes(stats.bytes_reserved + scratch));
    }
  }
  return tensors + " of tensors at most";
}

}  // namespace ink::apps
