#include "bench/gpu_profile.h"

#include <cxxabi.h>
#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "bench/training_step.h"
#include "cuda/profile.h"

namespace ink::bench {
namespace {

void remove_all(std::string& text, const std::string& part) {
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part))
    text.erase(at, part.size());
}

// As in the source, without namespaces and parameters.
[[maybe_unused]] std::string readable(const std::string& symbol) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), &std::free);
  if (status != 0) return symbol;
  std::string name = text.get();
  for (const char* noise :
       {"(anonymous namespace)::", "ink::cuda::", "ink::", "void ", "(int)", "(bool)"})
    remove_all(name, noise);
  int depth = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '<') ++depth;
    if (name[i] == '>') --depth;
    if (name[i] == '(' && depth == 0) return name.substr(0, i);
  }
  return name;
}

}  // namespace

void print_gpu_profile(const UNetConfig& config, Index batch) {
  if constexpr (kCuda) {
    const cuda::Profile profile;
    Trainer trainer(config, batch, Device::cuda);
    // Two steps as they are, one recorded, one whose times are read.
    for (int step = 0; step < 4; ++step) trainer.train();
    double sum = 0;
    int launches = 0;
    const std::vector<cuda::KernelTime> times = profile.times();
    for (const cuda::KernelTime& time : times) {
      sum += time.seconds;
      launches += time.launches;
    }
    fmt::print("{:>10} {:>7} {:>8}  {}\n", "ms", "share", "launches", "kernel");
    for (const cuda::KernelTime& time : times)
      fmt::print("{:>10.3f} {:>5.1f} % {:>8}  {}\n", 1e3 * time.seconds, 100 * time.seconds / sum,
                 time.launches, readable(time.kernel));
    fmt::print("{:>10.3f} {:>5.1f} % {:>8}  a training step, batch {}\n\n", 1e3 * sum, 100.0,
               launches, batch);
  }
}

}  // namespace ink::bench
