// The command line of sample.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "apps/support/machine.h"
#include "apps/support/sampling.h"

namespace ink::apps {

struct SampleOptions {
  MachineOptions machine;
  std::optional<std::string> checkpoint;  // default: the run in runs/ that was written to last
  Index count = 64;
  Sampler sampler;
  std::optional<double> guidance;  // default: kGuidance if the checkpoint has a guide, else 1
  std::uint64_t seed = 0;
  std::optional<std::string> out;  // default: samples, or the next free samples-N
};

// Nothing when --help was all that was asked. Throws UsageError, in one line, for what nobody could
// mean.
std::optional<SampleOptions> parse_sample_options(int argc, const char* const* argv);

}  // namespace ink::apps
