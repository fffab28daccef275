// Weights as the kernels read them.
#pragma once

#include <cstddef>

namespace ink {

// What kernels have made of the weights in one storage: copies in the order of their loops, or
// transformed. They stand until the storage is written to.
class PackedWeights {
 public:
  PackedWeights() = default;
  ~PackedWeights() { clear(); }
  PackedWeights(const PackedWeights&) = delete;
  PackedWeights& operator=(const PackedWeights&) = delete;

  // The number of copies.
  std::size_t size() const;
  // The weights are going to change.
  void clear() {
    if (copies != nullptr) drop_copies();
  }

  struct Copies;  // tensor/cpu/packed.cpp
  Copies* copies = nullptr;

 private:
  void drop_copies();
};

}  // namespace ink
