#include "apps/support/gallery.h"

#include <algorithm>
#include <chrono>

#include "apps/support/streams.h"
#include "io/image.h"

namespace ink::apps {
namespace {

constexpr Index kColumns = 8, kImages = kColumns * kColumns, kStripRows = 4;
// With eta = 1 each step replaces part of the noise, and with it some of the network's mistakes: a
// network that is still young draws cleaner pictures than with eta = 0.
constexpr Sampler kQuick{.kind = Sampler::Kind::ddim, .steps = 25, .eta = 1};
constexpr Sampler kBest{.kind = Sampler::Kind::ddim, .steps = 50, .eta = 1};
// Of a run's time, for the last picture.
constexpr double kLargestShare = 0.15;

// How often a network is asked, the guide included.
Index network_calls(const Sampler& sampler, const Schedule& schedule, bool guided) {
  return (sampler.kind == Sampler::Kind::ddpm ? schedule.T : sampler.steps) * (guided ? 2 : 1);
}

}  // namespace

Gallery::Gallery(TrainingState& state, const Schedule& schedule, const RunFolder& folder)
    : state_(state), schedule_(schedule), folder_(folder) {}

// ---- when ------------------------------------------------------------------------------------

double Gallery::seconds(const Sampler& sampler, const Pace& pace) const {
  // Until it was measured: the forward pass is a third of a training step.
  const double images_per_step = static_cast<double>(state_.settings.images_per_step());
  const double guess = pace.step / 3 * static_cast<double>(kImages) / images_per_step;
  return static_cast<double>(network_calls(sampler, schedule_, state_.guide.defined())) *
         (seconds_per_call_ > 0 ? seconds_per_call_ : guess);
}

Sampler Gallery::last_sampler(const Pace& pace) const {
  const double run = std::max(state_.plan.minutes().value_or(0) * 60, pace.elapsed);
  return seconds(kBest, pace) <= kLargestShare * run ? kBest : kQuick;
}

void Gallery::estimate(Pace& pace) const {
  pace.grid = seconds(kQuick, pace);
  pace.last_grid = seconds(last_sampler(pace), pace);
}

bool Gallery::due(const Pace& pace) {
  constexpr double kLeastPause = 10, kFirstAtLatest = 30, kFirstDoneBy = 50;
  const auto tenths = static_cast<Index>(10 * state_.plan.share(state_.step, pace));
  if (next_tenth_ == 0) next_tenth_ = tenths + 1;
  const bool is_first = state_.frames.empty();
  const double before = is_first ? 0 : state_.frames.back().seconds;
  const double pause = is_first ? std::clamp(kFirstDoneBy - pace.grid, kLeastPause, kFirstAtLatest)
                                : std::max(kLeastPause, 4 * pace.grid);
  if (pace.elapsed - before < pause || (!is_first && tenths < next_tenth_)) return false;
  next_tenth_ = tenths + 1;
  return true;
}

// ---- drawing ---------------------------------------------------------------------------------

const Frame& Gallery::draw(const During& during) { return draw(kQuick, during); }

const Frame& Gallery::draw_last(const Pace& pace, const During& during) {
  return draw(last_sampler(pace), during);
}

const Frame& Gallery::draw(Sampler sampler, const During& during) {
  const auto begin = std::chrono::steady_clock::now();
  const UNetConfig& config = state_.model.unet.config();
  const Shape shape{kImages, config.image_size, config.image_size, config.in_channels};
  DenoisingStrip strip(schedule_.T, kStripRows);
  Random random = stream(state_.settings.seed, Stream::sampling, state_.model.device()).fork(0);
  Tensor images;
  {
    EpsTheta eps_theta = eps_of(state_.model, state_.ema.average());
    if (state_.guide.defined()) {
      sampler.guidance = kGuidance;
      eps_theta = guided(eps_theta, eps_of(state_.model, state_.guide), kGuidance);
    }
    images =
        sample_batch(eps_theta, schedule_, sampler, shape, random, [&](Index t, const Tensor& x) {
          strip.observe(t, x);
          during(t);
        });
  }
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  seconds_per_call_ =
      took / static_cast<double>(network_calls(sampler, schedule_, state_.guide.defined()));

  const Index scale = picture_scale(config.image_size);
  const Tensor grid = image_grid(images, kColumns, 2, scale);
  const std::string name = fmt::format("step_{:07}.png", state_.step);
  save_png(folder_.grids() / name, grid);
  save_png(folder_.samples(), grid);
  save_png(folder_.strip(), strip.picture(scale));
  state_.seconds += took;
  state_.frames.push_back({state_.step, state_.seconds, name, sampler.to_string()});
  return state_.frames.back();
}

}  // namespace ink::apps
