// Everything around the training loop that is not the algorithm: losses, progress, pictures,
// saving.
#pragma once

#include <chrono>

#include "apps/support/progress_line.h"
#include "apps/support/run_folder.h"
#include "apps/support/sampling.h"
#include "apps/support/signals.h"
#include "apps/support/training_state.h"
#include "diffusion/loss.h"

namespace ink::apps {

class Monitor {
 public:
  // Saves a first checkpoint, so that a folder that cannot be written to is known before the work.
  // `command` is what was typed.
  Monitor(TrainingState& state, const Schedule& schedule, const RunFolder& folder,
          std::string command);

  // Whether the run has had its steps, or somebody asked to stop.
  bool finished();
  // The same network; what it predicts is remembered for the losses of single images.
  Network watch(Network network);
  // Throws Error when the loss is not finite.
  void after_batch(const NoisedBatch& batch, const Variable& loss);
  // Counts the step; from time to time shows progress, draws samples and saves. Throws Error when a
  // gradient was not finite.
  void after_step(Real gradient_norm);
  // Saves, draws the last samples, says where everything is. Returns the program's exit status: 0,
  // or 128 + the signal that asked to stop.
  int finish();

 private:
  double now() const;
  void show_progress();
  bool grid_due();
  void draw_grid(const Sampler& sampler, bool is_last);
  Sampler final_sampler() const;
  double sampling_seconds(Index network_calls) const;
  void save();
  [[noreturn]] void fail_diverged(const std::string& what, const std::string& which) const;
  int stop();

  TrainingState& state_;
  const Schedule& schedule_;
  RunFolder folder_;
  std::string command_;
  StopRequest stop_;
  ProgressLine progress_;
  Pace pace_;
  std::chrono::steady_clock::time_point start_;
  double step_began_, last_save_ = 0;
  Index steps_here_ = 0;         // in this process
  double seconds_per_call_ = 0;  // of the network on a grid of samples
  Index tenths_ = 0;             // of the run that are over
  Index saved_step_ = 0;
  Tensor predicted_;
  // Of the batches of one step: loss, and each image's t and loss.
  Real loss_ = 0;
  Tensors times_, image_losses_;
};

}  // namespace ink::apps
