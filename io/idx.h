// The IDX files of MNIST and its relatives (Fashion-MNIST, KMNIST, EMNIST's digits), compressed or
// not.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "io/image_set.h"

namespace ink {

// A file of bytes: "00 00 08 <axes>", a big-endian 32-bit size for each axis, then the values, the
// last axis fastest (LeCun, Cortes, Burges, "The MNIST database of handwritten digits").
struct IdxArray {
  std::vector<Index> sizes;
  std::vector<std::uint8_t> values;
};

// Reads a file of `axes` axes: 3 for images, 1 for labels. Throws Error naming the file, what was
// expected and what was found: another magic number (and when it is the other kind of file),
// too few or too many bytes, sizes that no image has, damaged compression.
IdxArray read_idx(const std::filesystem::path& path, int axes);

enum class Split { train, test };

// Reads the images (N,H,W,1) and labels of one split: train-images-idx3-ubyte and
// train-labels-idx1-ubyte (t10k-... for the test split) in `directory`, with ".gz" or without, with
// "-idx" or ".idx". Throws Error when a file is missing or the counts disagree.
ImageSet load_mnist(const std::filesystem::path& directory, Split split);

}  // namespace ink
