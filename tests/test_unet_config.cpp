// The configuration of a UNet: what is refused, and diffusers' config.json.
#include "diffusion/unet_config.h"

#include <nlohmann/json.hpp>

#include "tests/support/tiny_unet.h"
#include "tests/test_io_support.h"

namespace ink::test {
namespace {

// The message about tiny_config() after a change.
std::string complaint(const std::function<void(UNetConfig&)>& change) {
  UNetConfig config = tiny_config();
  change(config);
  return error_of([&] { config.validate(); });
}

// The message about the JSON of tiny_config() after a change.
std::string json_complaint(const std::function<void(nlohmann::json&)>& change) {
  auto json = nlohmann::json::parse(tiny_config().to_json());
  change(json);
  return error_of([&] { UNetConfig::from_json(json.dump()); });
}

}  // namespace

TEST_CASE("unet config: the presets by name") {
  CHECK(UNetConfig::preset("small") == UNetConfig::small());
  CHECK(UNetConfig::preset("base") == UNetConfig::base());
  CHECK(UNetConfig::preset("imagenet64") == UNetConfig::imagenet64());
  CHECK_FALSE(UNetConfig::small() == UNetConfig::base());
  UNetConfig::small().validate();
  UNetConfig::base().validate();
  check_parts(error_of([] { UNetConfig::preset("large"); }),
              {"[unet]", "small, base or imagenet64", "large"});
}

TEST_CASE("unet config: a size that cannot be halved is answered with sizes that can") {
  const auto of_size = [](Index size) {
    return complaint([size](UNetConfig& c) { c.image_size = size; });
  };
  CHECK(of_size(12).empty());
  check_parts(of_size(30),
              {"[unet]", "3 levels", "2 times", "multiple of 4", "28 or 32", "got 30"});
  check_parts(of_size(3), {"4 or 8", "got 3"});
  check_parts(of_size(0), {"4 or 8", "got 0"});
  check_parts(of_size(-4), {"got -4"});
}

TEST_CASE("unet config: every other mistake is named") {
  check_parts(complaint([](auto& c) { c.block_channels.clear(); }), {"[unet]", "levels", "got 0"});
  check_parts(complaint([](auto& c) { c.block_channels.resize(70, 4); }), {"16 levels", "got 70"});
  check_parts(complaint([](auto& c) { c.attention.pop_back(); }), {"3 levels", "got 2"});
  check_parts(complaint([](auto& c) { c.in_channels = 0; }), {"channel in", "got 0, 1, 2 and 0"});
  check_parts(complaint([](auto& c) { c.out_channels = -1; }), {"got 1, -1, 2 and 0"});
  check_parts(complaint([](auto& c) { c.layers_per_block = 0; }), {"got 1, 1, 0 and 0"});
  check_parts(complaint([](auto& c) { c.classes = -3; }), {"got 1, 1, 2 and -3"});
  check_parts(complaint([](auto& c) { c.block_channels[1] = 0; }), {"level 1", "got 0"});
  check_parts(complaint([](auto& c) { c.groups = 0; }), {"groups", "4 channels of level 0", "0"});
  check_parts(complaint([](auto& c) { c.groups = 4, c.block_channels[1] = 10; }),
              {"groups", "10 channels of level 1", "4"});
  check_parts(complaint([](auto& c) { c.head_size = 5; }), {"head size", "12 channels", "5"});
  check_parts(complaint([](auto& c) { c.head_size = 0; }), {"head size", "12 channels", "0"});
  check_parts(complaint([](auto& c) { c.attention[0] = true, c.head_size = 12; }),
              {"head size", "4 channels of level 0", "12"});
  // The middle attends, whatever the flags say.
  check_parts(complaint([](auto& c) { c.attention[2] = false, c.head_size = 5; }), {"head size"});
  check_parts(complaint([](auto& c) { c.block_channels[0] = 3, c.groups = 1; }),
              {"even number of channels", "3"});
}

// ---- config.json -----------------------------------------------------------------------------

TEST_CASE("unet config: JSON and back") {
  for (const UNetConfig& config :
       {UNetConfig::small(), UNetConfig::base(), tiny_config(), tiny_class_config()}) {
    CHECK(UNetConfig::from_json(config.to_json()) == config);
  }
}

TEST_CASE("unet config: the JSON speaks diffusers' language") {
  const auto json = nlohmann::json::parse(tiny_class_config().to_json());
  CHECK(json["_class_name"] == "UNet2DModel");
  CHECK(json["block_out_channels"] == std::vector<int>{8, 12});
  CHECK(json["down_block_types"] == std::vector<std::string>{"AttnDownBlock2D", "DownBlock2D"});
  CHECK(json["up_block_types"] == std::vector<std::string>{"UpBlock2D", "AttnUpBlock2D"});
  CHECK(json["attention_head_dim"] == 4);
  CHECK(json["norm_num_groups"] == 4);
  CHECK(json["num_class_embeds"] == 10);
  CHECK(json["freq_shift"] == 0);
  CHECK(json["flip_sin_to_cos"] == true);
  CHECK_FALSE(nlohmann::json::parse(tiny_config().to_json()).contains("num_class_embeds"));
}

TEST_CASE("unet config: reads what diffusers writes beside it") {
  CHECK(json_complaint([](auto& json) {
          json["_diffusers_version"] = "0.42.1";
          json["num_class_embeds"] = nullptr;
          json["class_embed_type"] = nullptr;
          json["add_attention"] = true;
          json["attn_norm_num_groups"] = nullptr;
          json["center_input_sample"] = false;
          json["downsample_padding"] = 1;
          json["downsample_type"] = json["upsample_type"] = "conv";
          json["dropout"] = 0.0;
          json["mid_block_scale_factor"] = 1;
          json["mid_block_type"] = "UNetMidBlock2D";
          json["num_train_timesteps"] = nullptr;
          json["resnet_time_scale_shift"] = "default";
          json["time_embedding_dim"] = nullptr;
          json["time_embedding_type"] = "positional";
        }).empty());
}

TEST_CASE("unet config: another class, or what this UNet does not have, is refused by name") {
  const auto with = [](const char* key, const nlohmann::json& value) {
    return json_complaint([&](auto& json) { json[key] = value; });
  };
  check_parts(with("_class_name", "UNet2DConditionModel"),
              {"[config]", "_class_name", "UNet2DModel", "UNet2DConditionModel"});
  check_parts(with("act_fn", "relu"), {"act_fn", "silu", "relu"});
  check_parts(with("norm_eps", 1e-6), {"norm_eps", "1e-05", "1e-06"});
  check_parts(with("flip_sin_to_cos", false), {"flip_sin_to_cos"});
  check_parts(with("freq_shift", 1), {"freq_shift"});
  check_parts(with("time_embedding_type", "fourier"), {"time_embedding_type", "fourier"});
  check_parts(with("time_embedding_dim", 7), {"time_embedding_dim", "7"});
  check_parts(with("class_embed_type", "timestep"), {"class_embed_type", "timestep"});
  check_parts(with("mid_block_type", nullptr), {"mid_block_type"});
  check_parts(with("mid_block_scale_factor", 2), {"mid_block_scale_factor", "2"});
  check_parts(with("add_attention", false), {"add_attention"});
  check_parts(with("attn_norm_num_groups", 2), {"attn_norm_num_groups"});
  check_parts(with("downsample_type", "resnet"), {"downsample_type", "resnet"});
  check_parts(with("upsample_type", "resnet"), {"upsample_type", "resnet"});
  check_parts(with("resnet_time_scale_shift", "scale_shift"), {"resnet_time_scale_shift"});
  check_parts(with("downsample_padding", 0), {"downsample_padding"});
  check_parts(with("center_input_sample", true), {"center_input_sample"});
  check_parts(with("down_block_types", {"DownBlock2D", "SkipDownBlock2D", "DownBlock2D"}),
              {"down_block_types", "SkipDownBlock2D"});
  check_parts(with("up_block_types", {"UpBlock2D", "UpBlock2D", "UpBlock2D"}), {"mirror"});
  check_parts(with("sample_size", 30), {"[unet]", "28 or 32"});
  check_parts(with("layers_per_block", "two"), {"[config]", "number", "string"});
}

TEST_CASE("unet config: what is no configuration is refused in one line") {
  for (const std::string text : {"", "{", "[]", "7", "{}", "{\"sample_size\": 28}"}) {
    CAPTURE(text);
    check_parts(error_of([&] { UNetConfig::from_json(text); }), {"[config]", "UNet2DModel"});
  }
  check_parts(json_complaint([](auto& json) { json.erase("norm_num_groups"); }),
              {"[config]", "norm_num_groups"});
}

}  // namespace ink::test
