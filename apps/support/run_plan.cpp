#include "apps/support/run_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "apps/support/presets.h"
#include "apps/support/text.h"
#include "tensor/check.h"

namespace ink::apps {
namespace {

constexpr Index kUnknown = std::numeric_limits<Index>::max();

// How many pictures are drawn while a run goes on; see Gallery.
constexpr double kGridsPerRun = 10;

}  // namespace

bool RunPlan::is_in(const TrainOptions& options) {
  return options.steps || options.minutes || options.epochs;
}

RunPlan RunPlan::from_options(const TrainOptions& options, const Settings& settings, Index images,
                              Device device) {
  if (options.steps) return in_steps(*options.steps, settings);
  if (options.minutes) return in_minutes(*options.minutes, settings);
  if (!options.epochs && device == Device::cpu) return in_minutes(kCpuMinutes, settings);
  const double images_in_all = options.epochs.value_or(kGpuEpochs) * static_cast<double>(images);
  const double steps = std::ceil(images_in_all / static_cast<double>(settings.images_per_step()));
  check(steps <= 1e9, "--epochs", "they would take {:.0f} steps, expected at most 1e9", steps);
  return in_steps(static_cast<Index>(steps), settings);
}

RunPlan RunPlan::in_steps(Index steps, const Settings& settings) {
  RunPlan plan;
  const auto decay_start = static_cast<Index>(kDecayShare * static_cast<double>(steps));
  plan.rate_ = {.peak = static_cast<Real>(settings.lr),
                .warmup = std::min(settings.warmup, decay_start),
                .decay_start = decay_start,
                .total = steps};
  return plan;
}

RunPlan RunPlan::in_minutes(double minutes, const Settings& settings) {
  RunPlan plan;
  plan.minutes_ = minutes;
  plan.rate_ = {.peak = static_cast<Real>(settings.lr), .warmup = settings.warmup};
  return plan;
}

void RunPlan::update(Index step, const Pace& pace) {
  if (rate_.total != kUnknown || step == 0) return;
  const double for_training = *minutes_ * 60 - pace.last_grid;
  if (pace.elapsed < kDecayShare * for_training) return;
  const double grids = (1 - kDecayShare) * kGridsPerRun * pace.grid;
  const double left = (for_training - pace.elapsed - grids) / std::max(pace.step, 1e-9);
  rate_.decay_start = step;
  rate_.total = step + std::max(Index{1}, static_cast<Index>(left));
}

double RunPlan::share(Index step, const Pace& pace) const {
  const double share = minutes_ && rate_.total == kUnknown
                           ? pace.elapsed / (*minutes_ * 60 - pace.last_grid)
                           : static_cast<double>(step) / static_cast<double>(rate_.total);
  if (!minutes_ || rate_.total == kUnknown) return std::clamp(share, 0.0, 1.0);
  // The fixed part of a run in minutes is its last one.
  const double fixed = static_cast<double>(step - rate_.decay_start) /
                       static_cast<double>(rate_.total - rate_.decay_start);
  return std::clamp(kDecayShare + (1 - kDecayShare) * fixed, 0.0, 1.0);
}

double RunPlan::seconds_left(Index step, const Pace& pace) const {
  if (rate_.total == kUnknown) return std::max(0.0, *minutes_ * 60 - pace.elapsed);
  const double grids = (1 - share(step, pace)) * kGridsPerRun * pace.grid;
  return static_cast<double>(rate_.total - step) * pace.step + grids + pace.last_grid;
}

std::optional<Index> RunPlan::steps() const {
  return rate_.total == kUnknown ? std::nullopt : std::optional(rate_.total);
}

std::string RunPlan::to_string() const {
  if (minutes_) return fmt::format("{:g} minute{}", *minutes_, *minutes_ == 1 ? "" : "s");
  return fmt::format("{} step{}", with_commas(rate_.total), rate_.total == 1 ? "" : "s");
}

std::string RunPlan::to_json() const {
  nlohmann::ordered_json json;
  if (minutes_) json["minutes"] = *minutes_;
  json["peak"] = rate_.peak;
  json["warmup"] = rate_.warmup;
  if (rate_.total != kUnknown) {
    json["decay_start"] = rate_.decay_start;
    json["total"] = rate_.total;
  }
  return json.dump();
}

RunPlan RunPlan::from_json(const std::string& text) {
  try {
    const auto json = nlohmann::ordered_json::parse(text);
    RunPlan plan;
    if (json.contains("minutes")) plan.minutes_ = json.at("minutes").get<double>();
    plan.rate_.peak = json.at("peak");
    plan.rate_.warmup = json.at("warmup");
    if (!plan.minutes_ || json.contains("total")) {
      plan.rate_.decay_start = json.at("decay_start");
      plan.rate_.total = json.at("total");
    }
    return plan;
  } catch (const nlohmann::ordered_json::exception& error) {
    fail("checkpoint", "its plan cannot be read: {}", error.what());
  }
}

}  // namespace ink::apps
