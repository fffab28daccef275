#include "bench/serve.h"

#include <cmath>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bench/conv.h"
#include "bench/timer.h"
#include "cuda/scratch.h"
#include "tensor/check.h"
#include "tensor/storage.h"

namespace ink::bench {
namespace {

// "N SIZE C_IN C_OUT KERNEL"
nlohmann::json convolution(const std::string& argument, Device device) {
  std::istringstream numbers(argument);
  Index n = 0, size = 0, c_in = 0, c_out = 0, kernel = 0;
  numbers >> n >> size >> c_in >> c_out >> kernel;
  check(!numbers.fail(), "serve", "expected conv N SIZE C_IN C_OUT KERNEL, got conv {}", argument);
  const ConvSeconds seconds =
      time_conv2d({n, size, size, c_in, c_out, kernel, kernel, 1, kernel / 2}, device);
  return {{"forward", seconds.forward}, {"data", seconds.data}, {"weight", seconds.weight}};
}

nlohmann::json answer(Trainer& trainer, const std::string& request, const std::string& argument) {
  const double start = seconds_now();
  const auto seconds = [&] {
    return nlohmann::json{{"seconds", seconds_now() - start},
                          {"peak_mib", peak_mib(trainer.device())}};
  };
  if (request == "train") {
    const Real loss = trainer.train();
    nlohmann::json reply = seconds();
    reply["loss"] = loss;
    return reply;
  }
  if (request == "sample") {
    trainer.sample();
    return seconds();
  }
  if (request == "ddim") {
    trainer.sample_ddim();
    return seconds();
  }
  if (request == "conv") return convolution(argument, trainer.device());
  if (request == "load") {
    trainer.load(argument);
    return {{"ok", true}};
  }
  if (request == "loss") return {{"loss", trainer.loss(argument)}};
  fail("serve", "expected train, sample, ddim, conv, load, loss or quit, got {}", request);
}

}  // namespace

void serve(Trainer& trainer) {
  for (std::string line; std::getline(std::cin, line) && line != "quit";) {
    std::istringstream words(line);
    std::string request, argument;
    words >> request >> std::ws;
    std::getline(words, argument);
    nlohmann::json reply;
    try {
      reply = answer(trainer, request, argument);
    } catch (const Error& error) {
      reply = {{"error", error.what()}};
    }
    std::cout << reply.dump() << std::endl;
  }
}

double peak_resident_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key;) {
    double kib = 0;
    if (key == "VmHWM:" && status >> kib) return kib / 1024;
  }
  return std::nan("");
}

double peak_mib(Device device) {
  if constexpr (kCuda) {
    if (device == Device::cuda) {
      const auto scratch = static_cast<double>(cuda::scratch_bytes());
      return (static_cast<double>(allocator_stats(device).bytes_reserved) + scratch) / 0x1p20;
    }
  }
  return peak_resident_mib();
}

}  // namespace ink::bench
