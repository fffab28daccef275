// The report of a run that goes on or has ended.
#pragma once

#include <string>

#include "apps/support/run_folder.h"
#include "apps/support/training_state.h"

namespace ink::apps {

// Writes report.html into the run's folder, atomically. `command` is what was typed, `status` how
// far the run is.
void write_report(const RunFolder& folder, const TrainingState& state, const std::string& command,
                  const std::string& status);

}  // namespace ink::apps
