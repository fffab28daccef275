#include "apps/support/settings.h"

#include <nlohmann/json.hpp>

#include "apps/support/presets.h"
#include "apps/support/program.h"

namespace ink::apps {
namespace {

// Calls visit(option, setting, what was typed for it) for every setting that an option stands for.
template <class SettingsType, class Visit>
void for_each_setting(SettingsType& settings, const TrainOptions& options, const Visit& visit) {
  visit("--preset", settings.preset, options.preset);
  visit("--image-size", settings.image_size, options.image_size);
  visit("--channels", settings.channels, options.channels);
  visit("--batch", settings.batch, options.batch);
  visit("--accumulate", settings.accumulate, options.accumulate);
  visit("--lr", settings.lr, options.lr);
  visit("--warmup", settings.warmup, options.warmup);
  visit("--beta1", settings.beta1, options.beta1);
  visit("--beta2", settings.beta2, options.beta2);
  visit("--weight-decay", settings.weight_decay, options.weight_decay);
  visit("--clip", settings.clip, options.clip);
  visit("--ema", settings.ema, options.ema);
  visit("--weight-limit", settings.weight_limit, options.weight_limit);
  visit("--seed", settings.seed, options.seed);
}

}  // namespace

nn::AdamWOptions Settings::adamw() const {
  return {.beta1 = static_cast<Real>(beta1),
          .beta2 = static_cast<Real>(beta2),
          .weight_decay = static_cast<Real>(weight_decay),
          .max_gradient_norm = static_cast<Real>(clip)};
}

std::string Settings::to_json() const {
  nlohmann::ordered_json json;
  json["--data"] = data;
  json["--images"] = images;
  for_each_setting(*this, {},
                   [&](const char* name, const auto& value, const auto&) { json[name] = value; });
  return json.dump();
}

Settings Settings::from_json(const std::string& text) {
  try {
    const auto json = nlohmann::ordered_json::parse(text);
    Settings settings{};
    json.at("--data").get_to(settings.data);
    json.at("--images").get_to(settings.images);
    for_each_setting(settings, {}, [&](const char* name, auto& value, const auto&) {
      json.at(name).get_to(value);
    });
    return settings;
  } catch (const nlohmann::ordered_json::exception& error) {
    fail("checkpoint", "its settings cannot be read: {}", error.what());
  }
}

Settings new_settings(const TrainOptions& options, const std::string& default_preset) {
  const Preset& preset = find_preset(options.preset.value_or(default_preset));
  Settings settings{.preset = preset.name,
                    .data = options.data.value_or(""),
                    .images = options.images.value_or(""),
                    .image_size = 28,
                    .channels = 1,
                    .batch = preset.batch,
                    .accumulate = 1,
                    .lr = preset.lr,
                    .warmup = preset.warmup,
                    .beta1 = preset.beta1,
                    .beta2 = preset.beta2,
                    .weight_decay = preset.weight_decay,
                    .clip = preset.clip,
                    .ema = preset.ema,
                    .weight_limit = preset.weight_limit,
                    .seed = 0};
  for_each_setting(settings, options, [](const char*, auto& value, const auto& typed) {
    if (typed) value = *typed;
  });
  return settings;
}

Settings resumed_settings(const Settings& saved, const TrainOptions& options) {
  for_each_setting(saved, options, [](const char* name, const auto& value, const auto& typed) {
    check_usage(!typed || *typed == value, name,
                "the run to resume began with {}, not {}: leave the option out, or begin another "
                "run",
                value, typed ? *typed : value);
  });
  check_usage(!(options.data && saved.data.empty()), "--data",
              "the run to resume learns from the pictures in {}", saved.images);
  check_usage(!(options.images && saved.images.empty()), "--images",
              "the run to resume learns from the IDX files in {}", saved.data);
  Settings settings = saved;
  if (options.data) settings.data = *options.data;
  if (options.images) settings.images = *options.images;
  return settings;
}

}  // namespace ink::apps
