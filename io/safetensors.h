// The safetensors format: named tensors in one file, as Hugging Face's libraries read and write it
// (https://github.com/huggingface/safetensors, "Format").
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace ink {

// Tensors by name, in the order of the file, and its free text. Numbers that Real cannot hold, such
// as 64-bit counters, travel as text.
struct NamedTensors {
  std::vector<std::pair<std::string, Tensor>> tensors;
  std::map<std::string, std::string> metadata;

  void add(std::string name, Tensor tensor) {
    tensors.emplace_back(std::move(name), std::move(tensor));
  }
  // Null when there is no tensor of that name.
  const Tensor* find(std::string_view name) const;
  // Throws Error when there is none.
  const Tensor& at(std::string_view name) const;
};

// Reads a file of F64, F32, F16, BF16, I64 or U8 tensors, each element rounded to the nearest Real.
// Throws Error naming the file, and the tensor, when it is cut short or not well-formed: an absurd
// header length, invalid JSON, a name that occurs twice, an unknown dtype, a shape that does not
// fit its bytes, bytes that belong to two tensors or to none.
NamedTensors read_safetensors(const std::filesystem::path& path);

// Writes the tensors as F32, or F64 where Real is double, atomically (write_file_atomically).
// Throws Error when a name occurs twice or is reserved, a text is not UTF-8, or the file cannot be
// written.
void write_safetensors(const std::filesystem::path& path, const NamedTensors& file);

}  // namespace ink
