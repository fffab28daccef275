#include "bench/serve.h"

#include <cmath>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bench/timer.h"
#include "tensor/check.h"

namespace ink::bench {
namespace {

nlohmann::json answer(Trainer& trainer, const std::string& request, const std::string& argument) {
  const double start = seconds_now();
  if (request == "train") {
    const Real loss = trainer.train();
    return {
        {"seconds", seconds_now() - start}, {"loss", loss}, {"peak_rss_mib", peak_resident_mib()}};
  }
  if (request == "sample") {
    trainer.sample();
    return {{"seconds", seconds_now() - start}, {"peak_rss_mib", peak_resident_mib()}};
  }
  if (request == "load") {
    trainer.load(argument);
    return {{"ok", true}};
  }
  if (request == "loss") return {{"loss", trainer.loss(argument)}};
  fail("serve", "expected train, sample, load, loss or quit, got {}", request);
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

}  // namespace ink::bench
