#include "apps/support/monitor.h"

#include <algorithm>
#include <cmath>

#include "apps/support/checkpoint.h"
#include "apps/support/divergence.h"
#include "apps/support/streams.h"
#include "apps/support/text.h"
#include "io/image.h"
#include "nn/optim/ema.h"
#include "tensor/ops.h"

namespace ink::apps {
namespace {

constexpr Index kGridImages = 64, kGridColumns = 8, kGridScale = 3;
constexpr Sampler kQuickSampler{
    .kind = Sampler::Kind::ddim, .steps = 50, .eta = 0, .variance = Variance::beta, .clamp = true};
constexpr double kSecondsBetweenSaves = 60;
constexpr double kLeastSecondsBetweenGrids = 10;

}  // namespace

Monitor::Monitor(TrainingState& state, const Schedule& schedule, const RunFolder& folder,
                 std::string command)
    : state_(state),
      schedule_(schedule),
      folder_(folder),
      command_(std::move(command)),
      start_(std::chrono::steady_clock::now() -
             std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                 std::chrono::duration<double>(state.seconds))) {
  if (state_.step == 0) save();
  saved_step_ = state_.step;
  last_save_ = step_began_ = pace_.elapsed = now();
  tenths_ = static_cast<Index>(10 * state_.plan.share(state_.step, pace_));
}

double Monitor::now() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

// ---- one step --------------------------------------------------------------------------------

bool Monitor::finished() {
  if (stop_) return true;
  state_.plan.update(state_.step, pace_);
  return state_.plan.finished(state_.step);
}

Network Monitor::watch(Network network) {
  return [this, network = std::move(network)](const Tensor& x_t, const Tensor& t) {
    Variable prediction = network(x_t, t);
    predicted_ = prediction.value();
    return prediction;
  };
}

void Monitor::after_batch(const NoisedBatch& batch, const Variable& loss) {
  const Real value = loss.item();
  if (!std::isfinite(value)) {
    const nn::Parameters& parameters = state_.model.parameters;
    const std::string bad = first_not_finite(parameters, parameters.values());
    fail_diverged(fmt::format("the loss is {}", value),
                  bad.empty() ? largest(parameters, parameters.values()) : bad);
  }
  loss_ += value / static_cast<Real>(state_.settings.accumulate);
  times_.push_back(batch.t);
  image_losses_.push_back(mean(square(predicted_ - batch.eps), {1, 2, 3}));
}

void Monitor::after_step(Real gradient_norm) {
  ++state_.step;
  if (!std::isfinite(gradient_norm)) {
    const nn::Parameters& parameters = state_.model.parameters;
    fail_diverged(fmt::format("the gradient's norm is {}", gradient_norm),
                  "the gradient of " + first_not_finite(parameters, parameters.gradients()));
  }
  state_.history.add_step(loss_, concat(times_, 0), concat(image_losses_, 0), schedule_.T);
  loss_ = 0;
  times_.clear();
  image_losses_.clear();

  // The time of a step: the mean of the first fifty, then a moving average.
  const double end = now();
  ++steps_here_;
  pace_.step +=
      (end - step_began_ - pace_.step) / static_cast<double>(std::min<Index>(steps_here_, 50));
  state_.seconds = pace_.elapsed = end;
  pace_.grid = sampling_seconds(kQuickSampler.steps);
  pace_.final_grid = sampling_seconds(
      final_sampler().kind == Sampler::Kind::ddpm ? schedule_.T : kQuickSampler.steps);

  if (progress_.due(end)) show_progress();
  if (!state_.plan.finished(state_.step) && !stop_) {
    if (grid_due()) {
      draw_grid(kQuickSampler, false);
      save();
    } else if (end - last_save_ >= kSecondsBetweenSaves) {
      save();
    }
  }
  step_began_ = now();
}

void Monitor::show_progress() {
  const double rate = static_cast<double>(state_.settings.images_per_step()) / pace_.step;
  const auto steps = state_.plan.steps();
  progress_.show(
      fmt::format("step {}{}  loss {:.4f}  {:.0f} images/s  {} left", with_commas(state_.step),
                  steps ? " of " + with_commas(*steps) : "", state_.history.recent_mean(), rate,
                  duration(state_.plan.seconds_left(state_.step, pace_))),
      pace_.elapsed);
}

void Monitor::fail_diverged(const std::string& what, const std::string& which) const {
  fail("train", "{} at step {}: {}; the checkpoint of step {} in {} is kept (try a smaller --lr)",
       what, state_.step, which, saved_step_, folder_.checkpoint().string());
}

// ---- pictures --------------------------------------------------------------------------------

double Monitor::sampling_seconds(Index network_calls) const {
  // Until it was measured: a third of a training step is the forward pass.
  const double per_call = seconds_per_call_ > 0
                              ? seconds_per_call_
                              : pace_.step / 3 * static_cast<double>(kGridImages) /
                                    static_cast<double>(state_.settings.images_per_step());
  return static_cast<double>(network_calls) * per_call;
}

// The ancestral sampler draws best and takes longest: it must be worth its time.
Sampler Monitor::final_sampler() const {
  constexpr double kLargestShare = 0.15;
  const double run = std::max(state_.plan.minutes().value_or(0) * 60, pace_.elapsed);
  return sampling_seconds(schedule_.T) <= kLargestShare * run ? Sampler{} : kQuickSampler;
}

bool Monitor::grid_due() {
  const double before = state_.frames.empty() ? 0 : state_.frames.back().seconds;
  const double first = std::clamp(50 - pace_.grid, kLeastSecondsBetweenGrids, 30.0);
  const auto tenths = static_cast<Index>(10 * state_.plan.share(state_.step, pace_));
  const bool due = tenths > tenths_ || (state_.frames.empty() && pace_.elapsed >= first);
  if (!due || pace_.elapsed - before < std::max(kLeastSecondsBetweenGrids, 2 * pace_.grid)) {
    return false;
  }
  tenths_ = tenths;
  return true;
}

void Monitor::draw_grid(const Sampler& sampler, bool is_last) {
  const double begin = now();
  DenoisingStrip strip(schedule_.T, 4);
  Tensor images;
  {
    const nn::WithValues averaged(state_.model.parameters, state_.ema.average());
    images = sample_images(state_.model, schedule_, sampler, kGridImages,
                           stream(state_.settings.seed, Stream::sampling, state_.model.device()),
                           [&](Index, Index t, const Tensor& x) {
                             if (stop_) throw Interrupted();
                             strip.observe(t, x);
                             if (is_last && progress_.due(now())) {
                               progress_.show(fmt::format("drawing: t = {}", t), now());
                             }
                           });
  }
  const double calls =
      static_cast<double>(sampler.kind == Sampler::Kind::ddpm ? schedule_.T : sampler.steps);
  seconds_per_call_ = (now() - begin) / calls;

  const Tensor grid = image_grid(images, kGridColumns, 2, kGridScale);
  const std::string name = fmt::format("step_{:07}.png", state_.step);
  save_png(folder_.grids() / name, grid);
  save_png(folder_.strip(), strip.picture(kGridScale));
  save_png(folder_.samples(), grid);
  state_.seconds = now();
  state_.frames.push_back({state_.step, state_.seconds, name});
  progress_.print(fmt::format("step {}: drew {} after {}", with_commas(state_.step),
                              (folder_.grids() / name).string(), duration(state_.seconds)));
}

// ---- saving and the end ----------------------------------------------------------------------

void Monitor::save() {
  const nn::Parameters& parameters = state_.model.parameters;
  const std::string bad = first_not_finite(parameters, parameters.values());
  if (!bad.empty()) fail_diverged("a weight is not finite", bad);
  state_.save(folder_.checkpoint());
  saved_step_ = state_.step;
  last_save_ = now();
}

int Monitor::finish() {
  save();
  if (stop_) return stop();
  try {
    draw_grid(final_sampler(), true);
  } catch (const Interrupted&) {
    return stop();
  }
  save();
  progress_.print(fmt::format("{} steps in {}; mean loss of the last 100 steps: {:.4f}",
                              with_commas(state_.step), duration(state_.seconds),
                              state_.history.recent_mean()));
  return 0;
}

int Monitor::stop() {
  progress_.print(
      fmt::format("stopped at step {} and saved; continue with: train_mnist --resume --out {}",
                  with_commas(state_.step), folder_.root.string()));
  return 128 + stop_.signal();
}

}  // namespace ink::apps
