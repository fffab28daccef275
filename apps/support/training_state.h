// All that changes while a model is trained: what a checkpoint must hold so that a run that is
// resumed ends with the bits of one that never stopped.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/support/data_order.h"
#include "apps/support/loss_history.h"
#include "apps/support/model.h"
#include "apps/support/run_plan.h"
#include "apps/support/settings.h"
#include "io/safetensors.h"
#include "nn/optim/adamw.h"
#include "nn/optim/ema.h"

namespace ink::apps {

// A picture of samples that was drawn on the way.
struct Frame {
  Index step;
  double seconds;    // of the run, so far
  std::string file;  // its name in the folder of grids
  std::string sampler;
};

// The file of a run that can be resumed.
struct SavedRun {
  NamedTensors file;
  Settings settings;
};

// Reads training.safetensors in the run's folder. Throws Error when there is none, or naming the
// file and what is wrong with it.
SavedRun read_saved_run(const std::filesystem::path& run);

struct TrainingState {
  TrainingState(const Settings& run_settings, const UNetConfig& config,
                const std::string& data_fingerprint, Index images, Device device);
  TrainingState(const TrainingState&) = delete;
  TrainingState& operator=(const TrainingState&) = delete;

  // Once kGuideShare of the run is done, and kGuideWarmUps of its warm-ups, what the average is now
  // becomes the guide.
  void keep_guide(double share_done);

  // Writes training.safetensors, then what save_model and save_guide write, into the folder.
  void save(const std::filesystem::path& folder);
  // Takes over the saved state. Throws Error when it is that of another network or other data.
  void restore(const SavedRun& saved);

  Settings settings;
  std::string fingerprint;  // of the data
  Model model;
  nn::AdamW optimizer;
  nn::Ema ema;
  Tensor guide;  // the average after kGuideShare of the run; not defined before
  DataOrder order;
  Random noise;
  Index step = 0;
  RunPlan plan;
  LossHistory history;
  double seconds = 0;  // that the run has taken so far
  std::vector<Frame> frames;

 private:
  void read_counters(const std::string& text);
  std::string counters() const;
};

}  // namespace ink::apps
