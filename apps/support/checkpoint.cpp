#include "apps/support/checkpoint.h"

#include <bit>
#include <cstdint>
#include <type_traits>

#include "io/file.h"
#include "nn/checkpoint.h"
#include "tensor/check.h"

namespace ink::apps {
namespace {

namespace fs = std::filesystem;

constexpr const char* kChecksum = "checksum";
constexpr const char* kGuideFolder = "guide";

// FNV-1a over the bits of all elements, in the order of the file.
std::string checksum(const NamedTensors& file) {
  using Bits = std::conditional_t<sizeof(Real) == 4, std::uint32_t, std::uint64_t>;
  std::uint64_t hash = 14695981039346656037ull;
  for (const auto& [name, tensor] : file.tensors) {
    for (const Real value : tensor.to_vector()) {
      hash = (hash ^ std::bit_cast<Bits>(value)) * 1099511628211ull;
    }
  }
  return fmt::format("{} {:016x}", sizeof(Real) == 4 ? "F32" : "F64", hash);
}

// The checkpoint of a run, or the one that `path` is.
fs::path checkpoint_in(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path / "checkpoint", error) ? path / "checkpoint" : path;
}

// Runs `action` and names the file in its Error.
template <class Action>
auto about(const fs::path& path, const Action& action) {
  try {
    return action();
  } catch (const Error& error) {
    throw Error(fmt::format("{} (in {})", error.what(), path.string()));
  }
}

}  // namespace

void write_checked(const fs::path& path, NamedTensors file) {
  file.metadata[kChecksum] = checksum(file);
  write_safetensors(path, file);
}

NamedTensors read_checked(const fs::path& path) {
  NamedTensors file = read_safetensors(path);
  const auto written = file.metadata.find(kChecksum);
  if (written == file.metadata.end()) return file;
  // A file of another number type was rounded while it was read.
  const std::string found = checksum(file);
  const bool comparable = written->second.substr(0, 3) == found.substr(0, 3);
  check(!comparable || written->second == found, "checkpoint",
        "{} is damaged: its checksum is {}, expected {}", path.string(), found, written->second);
  return file;
}

void save_model(const fs::path& folder, const Model& model, const Tensor& values) {
  NamedTensors file;
  file.metadata["format"] = "pt";
  nn::save_parameters(file, model.parameters, values);
  write_file_atomically(folder / kConfigFile, model.unet.config().to_json());
  write_checked(folder / kModelFile, std::move(file));
}

void save_guide(const fs::path& folder, const Model& model, const Tensor& values) {
  make_directories(folder / kGuideFolder);
  save_model(folder / kGuideFolder, model, values);
}

std::unique_ptr<Model> load_guide(const fs::path& path, Device device) {
  const fs::path folder = checkpoint_in(path) / kGuideFolder;
  std::error_code error;
  return fs::exists(folder / kModelFile, error) ? load_model(folder, device) : nullptr;
}

std::unique_ptr<Model> load_model(const fs::path& path, Device device) {
  std::error_code error;
  check(!path.empty(), "--checkpoint", "there is no run in runs/: name the folder of a checkpoint");
  const fs::path folder = checkpoint_in(path);
  check(fs::exists(folder / kConfigFile, error), "--checkpoint",
        "{} holds no checkpoint: expected a folder with {} and {}", path.string(), kConfigFile,
        kModelFile);
  const UNetConfig config = about(
      folder / kConfigFile, [&] { return UNetConfig::from_json(read_file(folder / kConfigFile)); });
  auto model = std::make_unique<Model>(config, Random(0), device);
  const NamedTensors file = read_checked(folder / kModelFile);
  about(folder / kModelFile,
        [&] { nn::load_parameters(file, model->parameters, model->parameters.values()); });
  return model;
}

}  // namespace ink::apps
