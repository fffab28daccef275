// The files of a checkpoint folder: config.json and diffusion_pytorch_model.safetensors, the
// averaged weights as Hugging Face diffusers reads and writes them; guide/, the same two files of
// the weights by which samples are guided; and training.safetensors, all that a run needs to go on.
// Each is replaced atomically, and each is of use without the others' latest version.
#pragma once

#include <filesystem>
#include <memory>

#include "apps/support/model.h"
#include "io/safetensors.h"

namespace ink::apps {

inline constexpr const char* kConfigFile = "config.json";
inline constexpr const char* kModelFile = "diffusion_pytorch_model.safetensors";
inline constexpr const char* kTrainingFile = "training.safetensors";

// Writes and reads tensors with a checksum of all their bits in the metadata, so that damage is
// noticed; a file without one, made by others, is read as it is. read_checked throws Error naming
// the file.
void write_checked(const std::filesystem::path& path, NamedTensors file);
NamedTensors read_checked(const std::filesystem::path& path);

// Writes the two files that `sample` and diffusers read, from `values`, laid out as the parameters;
// save_guide those in guide/.
void save_model(const std::filesystem::path& folder, const Model& model, const Tensor& values);
void save_guide(const std::filesystem::path& folder, const Model& model, const Tensor& values);

// Reads them. `path` is the checkpoint folder, or that of a run, which holds one. Throws Error
// naming the file and what is wrong with it. load_guide gives null if there is none.
std::unique_ptr<Model> load_model(const std::filesystem::path& path, Device device);
std::unique_ptr<Model> load_guide(const std::filesystem::path& path, Device device);

}  // namespace ink::apps
