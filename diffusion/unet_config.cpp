#include "diffusion/unet_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tensor/check.h"

namespace ink {

UNetConfig UNetConfig::small() { return {}; }

UNetConfig UNetConfig::base() {
  UNetConfig config;
  config.block_channels = {32, 64, 128};
  config.groups = 32;
  return config;
}

UNetConfig UNetConfig::imagenet64() {
  UNetConfig config;
  config.image_size = 64;
  config.in_channels = config.out_channels = 3;
  config.block_channels = {64, 128, 192, 256};
  config.attention = {false, false, true, true};  // at 16 x 16 and 8 x 8
  config.groups = 32;
  return config;
}

UNetConfig UNetConfig::preset(const std::string& name) {
  if (name == "small") return small();
  if (name == "base") return base();
  if (name == "imagenet64") return imagenet64();
  fail("unet", "expected the preset small, base or imagenet64, got {}", name);
}

void UNetConfig::validate() const {
  check(!block_channels.empty() && block_channels.size() <= 16, "unet",
        "expected from 1 to 16 levels of channels, got {}", block_channels.size());
  check(attention.size() == block_channels.size(), "unet",
        "expected one attention flag for each of the {} levels, got {}", block_channels.size(),
        attention.size());
  check(in_channels >= 1 && out_channels >= 1 && layers_per_block >= 1 && classes >= 0, "unet",
        "expected at least 1 channel in, 1 out, 1 layer per block and 0 classes, got {}, {}, {} "
        "and {}",
        in_channels, out_channels, layers_per_block, classes);
  const Index factor = Index{1} << (block_channels.size() - 1);
  const Index below = std::max(factor, image_size / factor * factor);
  check(image_size >= factor && image_size % factor == 0, "unet",
        "{} levels halve the image {} times: expected a size that is a multiple of {}, such as {} "
        "or {}, got {}",
        block_channels.size(), block_channels.size() - 1, factor, below, below + factor,
        image_size);
  for (std::size_t level = 0; level < block_channels.size(); ++level) {
    const Index channels = block_channels[level];
    check(channels >= 1, "unet", "expected at least 1 channel at level {}, got {}", level,
          channels);
    check(groups >= 1 && channels % groups == 0, "unet",
          "expected groups that divide the {} channels of level {}, got {}", channels, level,
          groups);
    const bool attends = attention[level] || level + 1 == block_channels.size();
    check(!attends || (head_size >= 1 && channels % head_size == 0), "unet",
          "expected a head size that divides the {} channels of level {}, got {}", channels, level,
          head_size);
  }
  check(block_channels.front() % 2 == 0, "unet",
        "expected an even number of channels at the first level, got {}", block_channels.front());
}

// ---- diffusers' config.json ------------------------------------------------------------------

std::string UNetConfig::to_json() const {
  std::vector<std::string> down, up;
  for (const bool attends : attention) down.push_back(attends ? "AttnDownBlock2D" : "DownBlock2D");
  for (auto level = attention.rbegin(); level != attention.rend(); ++level) {
    up.push_back(*level ? "AttnUpBlock2D" : "UpBlock2D");
  }
  nlohmann::ordered_json json;
  json["_class_name"] = "UNet2DModel";
  json["sample_size"] = image_size;
  json["in_channels"] = in_channels;
  json["out_channels"] = out_channels;
  json["block_out_channels"] = block_channels;
  json["layers_per_block"] = layers_per_block;
  json["down_block_types"] = down;
  json["up_block_types"] = up;
  json["norm_num_groups"] = groups;
  json["attention_head_dim"] = head_size;
  if (classes > 0) json["num_class_embeds"] = classes;
  json["act_fn"] = "silu";
  json["norm_eps"] = 1e-5;
  json["flip_sin_to_cos"] = true;
  json["freq_shift"] = 0;
  return json.dump(2) + "\n";
}

namespace {

// Throws Error when the file asks for another value than the one this UNet is built with.
void check_fixed(const nlohmann::ordered_json& json, const char* key,
                 const nlohmann::ordered_json& ours) {
  check(!json.contains(key) || json[key] == ours, "config", "expected {} = {}, got {}", key,
        ours.dump(), json.contains(key) ? json[key].dump() : "");
}

// Which levels have attention, from a list of block types such as ["DownBlock2D",
// "AttnDownBlock2D"].
std::vector<bool> attention_flags(const nlohmann::ordered_json& json, const char* key,
                                  const std::string& direction) {
  std::vector<bool> flags;
  for (const std::string type : json.at(key)) {
    const bool attends = type == "Attn" + direction + "Block2D";
    check(attends || type == direction + "Block2D", "config",
          "expected {0} of {1}Block2D and Attn{1}Block2D, got {2}", key, direction, type);
    flags.push_back(attends);
  }
  return flags;
}

UNetConfig parse(const nlohmann::ordered_json& json) {
  check_fixed(json, "_class_name", "UNet2DModel");
  UNetConfig config;
  config.image_size = json.at("sample_size");
  config.in_channels = json.at("in_channels");
  config.out_channels = json.at("out_channels");
  config.block_channels = json.at("block_out_channels").get<std::vector<Index>>();
  config.layers_per_block = json.at("layers_per_block");
  config.attention = attention_flags(json, "down_block_types", "Down");
  config.groups = json.at("norm_num_groups");
  config.head_size = json.at("attention_head_dim");
  const bool has_classes = json.contains("num_class_embeds") && !json["num_class_embeds"].is_null();
  config.classes = has_classes ? json["num_class_embeds"].get<Index>() : 0;

  std::vector<bool> up = attention_flags(json, "up_block_types", "Up");
  std::reverse(up.begin(), up.end());
  check(up == config.attention, "config",
        "expected up_block_types to mirror down_block_types, got {} and {}",
        json["up_block_types"].dump(), json["down_block_types"].dump());
  check_fixed(json, "act_fn", "silu");
  check_fixed(json, "norm_eps", 1e-5);
  check_fixed(json, "flip_sin_to_cos", true);
  check_fixed(json, "freq_shift", 0);
  check_fixed(json, "time_embedding_type", "positional");
  check_fixed(json, "time_embedding_dim", nullptr);
  check_fixed(json, "class_embed_type", nullptr);
  check_fixed(json, "mid_block_type", "UNetMidBlock2D");
  check_fixed(json, "mid_block_scale_factor", 1);
  check_fixed(json, "add_attention", true);
  check_fixed(json, "attn_norm_num_groups", nullptr);
  check_fixed(json, "downsample_type", "conv");
  check_fixed(json, "upsample_type", "conv");
  check_fixed(json, "resnet_time_scale_shift", "default");
  check_fixed(json, "downsample_padding", 1);
  check_fixed(json, "center_input_sample", false);
  config.validate();
  return config;
}

}  // namespace

UNetConfig UNetConfig::from_json(const std::string& text) {
  try {
    return parse(nlohmann::ordered_json::parse(text));
  } catch (const nlohmann::ordered_json::exception& error) {
    fail("config", "expected the config.json of a UNet2DModel: {}", error.what());
  }
}

}  // namespace ink
