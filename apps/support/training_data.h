// The images to learn from.
#pragma once

#include <string>

#include "apps/support/data_order.h"
#include "apps/support/settings.h"
#include "io/image_set.h"

namespace ink::apps {

// The folder of MNIST that comes with Inkling: data/mnist of the current folder, else of the source
// tree, else share/inkling/mnist beside the installed program. Throws Error naming these places.
std::string default_data_folder();

// The training images that the settings name. Throws Error when they are not square.
ImageSet load_training_data(const Settings& settings);

// Batches of images, on the device that trains. A GPU keeps all images if they take less than
// kResidentBytes there as numbers; others are put together on the host while it is at work.
class TrainingImages {
 public:
  static constexpr Index kResidentBytes = Index{1} << 30;

  // `images` must live as long.
  TrainingImages(const ImageSet& images, Device device);

  // The next `count` images in this order, (count,H,W,C); others each time a step is done.
  Tensor next(DataOrder& order, Index count) const;

 private:
  const ImageSet& images_;
  Device device_;
  Tensor resident_;  // all of them, (N,H,W,C), or undefined
};

// A short text that differs for other images: their number and shape and a sum over some of them.
std::string fingerprint(const ImageSet& images);

}  // namespace ink::apps
