// How a run begins: a new one from the options, or one that is resumed.
#pragma once

#include <optional>
#include <string>

#include "apps/support/run_folder.h"
#include "apps/support/training_state.h"
#include "io/image_set.h"

namespace ink::apps {

struct Start {
  Device device;
  Settings settings;
  RunFolder folder;
  std::optional<SavedRun> saved;  // of a run that is resumed

  // Gives the state its plan, and that of the run that is resumed.
  void set_out(TrainingState& state, const TrainOptions& options, Index images) const;
};

// Everything that can be known to be wrong before the data are read is found out here.
Start begin(const TrainOptions& options);

// The network of the settings' preset for images of this size.
UNetConfig network_for(const Settings& settings, const ImageSet& images);

// The network layer by layer.
void print_summary(const TrainingState& state);

// The machine, the model, the data, the plan, and how to change it.
void print_plan(const Start& start, const TrainingState& state, const ImageSet& images);

}  // namespace ink::apps
