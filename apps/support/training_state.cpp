#include "apps/support/training_state.h"

#include <nlohmann/json.hpp>

#include "apps/support/checkpoint.h"
#include "apps/support/sampling.h"
#include "apps/support/streams.h"
#include "nn/checkpoint.h"
#include "tensor/check.h"

namespace ink::apps {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "inkling training 2";

const std::string& text_of(const NamedTensors& file, const char* key) {
  const auto found = file.metadata.find(key);
  check(found != file.metadata.end(), "checkpoint", "it lacks the text '{}'", key);
  return found->second;
}

// The flat buffers of a state, each with the prefix of its names.
auto flat_buffers(TrainingState& state) {
  std::vector<std::pair<const char*, Tensor*>> buffers = {
      {"model.", &state.model.parameters.values()},
      {"ema.", &state.ema.average()},
      {"moment1.", &state.optimizer.moment1()},
      {"moment2.", &state.optimizer.moment2()}};
  if (state.guide.defined()) buffers.emplace_back("guide.", &state.guide);
  return buffers;
}

}  // namespace

SavedRun read_saved_run(const fs::path& run) {
  const fs::path path = run / "checkpoint" / kTrainingFile;
  std::error_code error;
  check(fs::exists(path, error), "--resume", "{} holds no run: there is no {}", run.string(),
        path.string());
  NamedTensors file = read_checked(path);
  check(file.metadata["format"] == kFormat, "checkpoint", "{} was not written by train_mnist",
        path.string());
  const char* const real = sizeof(Real) == sizeof(float) ? "float" : "double";
  check(file.metadata["real"] == real, "checkpoint",
        "{} was written by a build with Real = {}; this one has {}", path.string(),
        file.metadata["real"], real);
  Settings settings = Settings::from_json(text_of(file, "settings"));
  return {std::move(file), std::move(settings)};
}

TrainingState::TrainingState(const Settings& run_settings, const UNetConfig& config,
                             const std::string& data_fingerprint, Index images, Device device)
    : settings(run_settings),
      fingerprint(data_fingerprint),
      model(config, stream(settings.seed, Stream::weights), device),
      optimizer(model.parameters, settings.adamw()),
      ema(model.parameters, static_cast<Real>(settings.ema)),
      order(images, stream(settings.seed, Stream::order)),
      noise(stream(settings.seed, Stream::noise, device)) {}

void TrainingState::save(const fs::path& folder) {
  NamedTensors file;
  for (const auto& [prefix, buffer] : flat_buffers(*this)) {
    nn::save_parameters(file, model.parameters, *buffer, prefix);
  }
  history.save(file);
  file.metadata = {{"format", kFormat},
                   {"real", sizeof(Real) == sizeof(float) ? "float" : "double"},
                   {"settings", settings.to_json()},
                   {"config", model.unet.config().to_json()},
                   {"data", fingerprint},
                   {"plan", plan.to_json()},
                   {"guide", guide.defined() ? "kept" : "none yet"},
                   {"counters", counters()}};
  write_checked(folder / kTrainingFile, std::move(file));
  save_model(folder, model, ema.average());
  if (guide.defined()) save_guide(folder, model, guide);
}

void TrainingState::keep_guide(double share_done) {
  const bool is_old_enough =
      share_done >= kGuideShare && step >= kGuideWarmUps * plan.rate().warmup;
  if (is_old_enough && !guide.defined()) guide = ema.average().clone();
}

void TrainingState::restore(const SavedRun& saved) {
  const NamedTensors& file = saved.file;
  check(text_of(file, "data") == fingerprint, "--resume",
        "the run learned from other images: {}, not {}", text_of(file, "data"), fingerprint);
  check(UNetConfig::from_json(text_of(file, "config")) == model.unet.config(), "--resume",
        "the run trains another network than this program's preset {}", settings.preset);
  guide = text_of(file, "guide") == "kept" ? ema.average().clone() : Tensor();
  for (const auto& [prefix, buffer] : flat_buffers(*this)) {
    nn::load_parameters(file, model.parameters, *buffer, prefix);
  }
  history.load(file);
  plan = RunPlan::from_json(text_of(file, "plan"));
  read_counters(text_of(file, "counters"));
}

// ---- the counters ----------------------------------------------------------------------------

std::string TrainingState::counters() const {
  nlohmann::ordered_json json;
  json["step"] = step;
  json["optimizer_steps"] = optimizer.steps();
  json["ema_updates"] = ema.updates();
  json["noise_position"] = noise.position();
  json["images_seen"] = order.seen();
  json["seconds"] = seconds;
  json["frames"] = nlohmann::ordered_json::array();
  for (const Frame& frame : frames) {
    json["frames"].push_back({frame.step, frame.seconds, frame.file, frame.sampler});
  }
  return json.dump();
}

void TrainingState::read_counters(const std::string& text) {
  try {
    const auto json = nlohmann::ordered_json::parse(text);
    step = json.at("step");
    optimizer.set_steps(json.at("optimizer_steps"));
    ema.set_updates(json.at("ema_updates"));
    noise.set_position(json.at("noise_position"));
    order.set_seen(json.at("images_seen"));
    seconds = json.at("seconds");
    frames.clear();
    for (const auto& frame : json.at("frames")) {
      frames.push_back({frame.at(0), frame.at(1), frame.at(2), frame.at(3)});
    }
  } catch (const nlohmann::ordered_json::exception& error) {
    fail("checkpoint", "its counters cannot be read: {}", error.what());
  }
}

}  // namespace ink::apps
