#include "apps/support/machine.h"

#include <fmt/format.h>
#include <omp.h>
#include <sys/utsname.h>

#include <fstream>

#include "tensor/check.h"
#include "tensor/kernels/real.h"

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

Device choose_device(const std::string& name) {
  if constexpr (kCuda) return name == "cpu" ? Device::cpu : Device::cuda;
  check(name != "cuda", "--device", "this build has no CUDA backend: use --device cpu or auto");
  return Device::cpu;
}

std::string describe_device(Device device) {
  if (device == Device::cuda) return "CUDA";
  return kCuda ? "CPU" : "CPU: this build has no CUDA backend";
}

void set_threads(std::optional<int> threads) {
  if (threads) omp_set_num_threads(*threads);
}

}  // namespace ink::apps
