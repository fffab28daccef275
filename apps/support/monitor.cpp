#include "apps/support/monitor.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "apps/support/divergence.h"
#include "apps/support/machine.h"
#include "apps/support/run_report.h"
#include "apps/support/text.h"

namespace ink::apps {
namespace {

using Clock = std::chrono::steady_clock;

// A parameter to name when a step went wrong. Such a step changes nothing, so the weights are still
// those that led to it; on a GPU the gradients may be those of the step after.
std::string suspect(const nn::Parameters& parameters, bool loss_is_finite) {
  if (loss_is_finite) {
    const std::string bad = first_not_finite(parameters, parameters.gradients());
    if (!bad.empty()) return "the gradient of " + bad;
  }
  const std::string bad = first_not_finite(parameters, parameters.values());
  return bad.empty() ? "the largest weight, " + largest(parameters, parameters.values()) : bad;
}

}  // namespace

Monitor::Monitor(TrainingState& state, const Schedule& schedule, const RunFolder& folder,
                 double save_every, const Command& command)
    : state_(state),
      schedule_(schedule),
      folder_(folder),
      save_every_(save_every),
      command_(command),
      meter_(state.model.device()),
      gallery_(state, schedule, folder),
      start_(Clock::now() - std::chrono::duration_cast<Clock::duration>(
                                std::chrono::duration<double>(state.seconds))) {
  folder_.make();
  saved_step_ = state_.step;
  save();
  step_began_ = pace_.elapsed = now();
}

double Monitor::now() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

// ---- one step --------------------------------------------------------------------------------

bool Monitor::finished() {
  if (stop_) return true;
  state_.plan.update(state_.step, pace_);
  return state_.plan.finished(state_.step);
}

void Monitor::after_step() {
  ++state_.step;
  meter_.request();
  read_losses(meter_.lag());
  measure();
  state_.keep_guide(state_.plan.share(state_.step, pace_));
  if (progress_.due()) show_progress();

  if (!state_.plan.finished(state_.step) && !stop_) {
    if (gallery_.due(pace_)) {
      draw(false);
    } else if (pace_.elapsed - saved_ >= save_every_) {
      save();
    }
  }
  step_began_ = now();
}

void Monitor::read_losses(std::size_t lag) {
  const nn::Parameters& parameters = state_.model.parameters;
  while (meter_.pending() > lag) {
    const Index step = state_.step - static_cast<Index>(meter_.pending()) + 1;
    const LossMeter::Reading reading = meter_.take();
    const bool loss_is_finite = std::isfinite(reading.loss);
    if (!loss_is_finite || !std::isfinite(reading.gradient_norm)) {
      fail_diverged(loss_is_finite
                        ? fmt::format("the norm of the gradient is {}", reading.gradient_norm)
                        : fmt::format("the loss is {}", reading.loss),
                    step, suspect(parameters, loss_is_finite));
    }
    state_.history.add_step(reading.loss, reading.times, reading.image_losses, schedule_.T);
  }
}

// The time of a step is the mean over the first fifty, then a moving average.
void Monitor::measure() {
  state_.seconds = pace_.elapsed = now();
  ++steps_here_;
  const auto weight = static_cast<double>(std::min<Index>(steps_here_, 50));
  pace_.step += (pace_.elapsed - step_began_ - pace_.step) / weight;
  gallery_.estimate(pace_);
}

void Monitor::show_progress() {
  const auto steps = state_.plan.steps();
  const double speed = static_cast<double>(state_.settings.images_per_step()) / pace_.step;
  // A GPU's losses come a step late.
  const double loss = state_.history.recent_mean();
  progress_.show(fmt::format("step {}{}{} · {:.0f} images/s · {} left", with_commas(state_.step),
                             steps ? " of " + with_commas(*steps) : "",
                             std::isnan(loss) ? "" : fmt::format(" · loss {:.4f}", loss), speed,
                             duration(state_.plan.seconds_left(state_.step, pace_))));
}

// ---- pictures, saving, and the end -----------------------------------------------------------

void Monitor::draw(bool is_last) {
  const auto during = [&](Index t) {
    if (stop_) throw Interrupted();
    if (is_last && progress_.due()) {
      progress_.show(fmt::format("drawing the last samples · t = {}", t));
    }
  };
  try {
    const Frame& frame = is_last ? gallery_.draw_last(pace_, during) : gallery_.draw(during);
    progress_.print(fmt::format("step {} · loss {:.4f} · {} · drew {}", with_commas(frame.step),
                                state_.history.recent_mean(), duration(frame.seconds),
                                (folder_.grids() / frame.file).string()));
  } catch (const Interrupted&) {
    return;
  }
  save();
}

void Monitor::save() {
  read_losses(0);
  const nn::Parameters& parameters = state_.model.parameters;
  const std::string bad = first_not_finite(parameters, parameters.values());
  if (!bad.empty()) fail_diverged("a weight is not finite", state_.step, bad);
  state_.save(folder_.checkpoint());
  saved_step_ = state_.step;
  write_report(folder_, state_, command_.text,
               fmt::format("{} steps in {} ({}) · mean loss of the last 100 steps {:.4f}",
                           with_commas(state_.step), duration(state_.seconds),
                           state_.plan.to_string(), state_.history.recent_mean()));
  saved_ = now();
}

int Monitor::finish() {
  save();
  if (!stop_) draw(true);
  if (stop_) return stop();
  const std::string root = folder_.root.string();
  progress_.print(fmt::format("\n{} steps in {}; mean loss of the last 100 steps: {:.4f}",
                              with_commas(state_.step), duration(state_.seconds),
                              state_.history.recent_mean()));
  progress_.print("memory: " + describe_memory(state_.model.device()));
  progress_.print(fmt::format("look:  {}", folder_.report().string()));
  progress_.print(fmt::format("draw:  {} --checkpoint {}", command_.sibling("sample"), root));
  progress_.print(fmt::format("go on: {} --resume --out {} --minutes {:.0f}", command_.program,
                              root, std::ceil(2 * state_.seconds / 60)));
  return 0;
}

int Monitor::stop() {
  progress_.print(
      fmt::format("stopped after step {} and saved; continue with: {} --resume --out {}",
                  with_commas(state_.step), command_.program, folder_.root.string()));
  return 128 + stop_.signal();
}

void Monitor::fail_diverged(const std::string& what, Index step, const std::string& where) const {
  fail("train",
       "{} at step {}: {}; the checkpoint of step {} in {} is kept (a smaller --lr may help)", what,
       with_commas(step), where, with_commas(saved_step_), folder_.checkpoint().string());
}

}  // namespace ink::apps
