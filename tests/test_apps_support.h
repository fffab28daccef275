// What the tests of apps/ share: command lines, a small run in memory.
#pragma once

#include <string>
#include <vector>

#include "apps/support/presets.h"
#include "apps/support/sample_options.h"
#include "apps/support/training_state.h"
#include "diffusion/loss.h"
#include "io/image_set.h"
#include "tests/test_io_support.h"

namespace ink::test {

// The options of a command line without the program's name.
inline apps::TrainOptions train_options(std::vector<const char*> words) {
  words.insert(words.begin(), "train_mnist");
  return apps::parse_train_options(static_cast<int>(words.size()), words.data()).value();
}

inline apps::SampleOptions sample_options(std::vector<const char*> words) {
  words.insert(words.begin(), "sample");
  return apps::parse_sample_options(static_cast<int>(words.size()), words.data()).value();
}

// The smallest network on images of 8 x 8.
inline UNetConfig two_level_config() {
  UNetConfig config = apps::find_preset("tiny").config;
  config.image_size = 8;
  return config;
}

// 40 grey images of 8 x 8 with arbitrary pixels.
inline ImageSet tiny_images() {
  std::vector<std::uint8_t> pixels(40 * 64);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    pixels[i] = static_cast<std::uint8_t>(i * i / 7 + i * 31);
  }
  return {{40, 8, 8, 1}, std::move(pixels)};
}

}  // namespace ink::test
