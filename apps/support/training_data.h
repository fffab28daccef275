// The images to learn from.
#pragma once

#include <string>

#include "apps/support/settings.h"
#include "io/image_set.h"

namespace ink::apps {

// The folder of MNIST that comes with Inkling: data/mnist of the current folder, else of the source
// tree, else share/inkling/mnist beside the installed program. Throws Error naming these places.
std::string default_data_folder();

// The training images that the settings name. Throws Error when they are not square.
ImageSet load_training_data(const Settings& settings);

// A short text that differs for other images: their number and shape and a sum over some of them.
std::string fingerprint(const ImageSet& images);

}  // namespace ink::apps
