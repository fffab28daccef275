// Everything around the training loop that is not the algorithm.
#pragma once

#include <chrono>
#include <string>

#include "apps/support/gallery.h"
#include "apps/support/loss_meter.h"
#include "apps/support/program.h"
#include "apps/support/progress_line.h"
#include "apps/support/run_folder.h"
#include "apps/support/signals.h"
#include "apps/support/training_state.h"

namespace ink::apps {

// Counts the steps, watches the losses, shows progress, draws, saves, and decides when it is over.
class Monitor {
 public:
  // Saves a first checkpoint and a first report, so that a folder that cannot be written to is
  // known before the work; later, one at least every `save_every` seconds. `command` is what was
  // typed, for the report.
  Monitor(TrainingState& state, const Schedule& schedule, const RunFolder& folder,
          double save_every, const Command& command);

  // The network, watched for the losses of single images.
  Network watch(Network network) { return meter_.watch(std::move(network)); }
  // Within a step: notes what it shows, without looking at it.
  void after_batch(const NoisedBatch& batch) { meter_.add(batch); }
  void after_update(const Tensor& gradient_norm) { meter_.close_step(gradient_norm); }

  // Whether the run has had its steps, or somebody asked to stop.
  bool finished();
  // Counts the step and does what it is time for. Throws Error when a loss or a gradient was not
  // finite, naming a parameter: on a GPU one step later, since nobody waits for it.
  void after_step();
  // Saves, draws the last pictures, says where everything is. Returns the program's exit status: 0,
  // or 128 + the signal that asked to stop.
  int finish();

 private:
  double now() const;
  // Reads the losses of all steps but the last `lag`.
  void read_losses(std::size_t lag);
  void measure();
  void show_progress();
  void draw(bool is_last);
  void save();
  int stop();
  [[noreturn]] void fail_diverged(const std::string& what, Index step,
                                  const std::string& where) const;

  TrainingState& state_;
  const Schedule& schedule_;
  const RunFolder& folder_;
  double save_every_;
  const Command& command_;
  StopRequest stop_;
  ProgressLine progress_;
  LossMeter meter_;
  Gallery gallery_;
  Pace pace_;
  std::chrono::steady_clock::time_point start_;  // of the run, had it never stopped
  double step_began_ = 0, saved_ = 0;            // seconds of the run
  Index steps_here_ = 0;                         // in this process
  Index saved_step_ = 0;
};

}  // namespace ink::apps
