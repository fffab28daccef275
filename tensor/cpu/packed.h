// A convolution's weights in the order in which its kernel reads them.
#pragma once

#include "tensor/cpu/conv2d_map.h"
#include "tensor/cpu/scratch.h"
#include "tensor/kernels/packed_weights.h"

namespace ink::cpu {

using Packed = std::shared_ptr<const Scratch<Real>>;

enum class Form { direct, winograd, winograd_upsampled };

// The `count` elements that pack(to) makes of the map's weights: those that were kept, or new ones.
template <class Pack>
Packed packed(const Conv2dMap& map, Form form, Index count, const Pack& pack) {
  const auto make = [&] {
    auto elements = std::make_shared<Scratch<Real>>(count);
    pack(elements->data());
    return elements;
  };
  const DirectConv& conv = map.conv;
  const WeightView& weight = map.weight;
  if (weight.packed == nullptr) return make();
  return weight.packed->find_or_make<Scratch<Real>>(
      {weight.data, static_cast<int>(form), conv.c_out, conv.kernel_h, conv.kernel_w, conv.c_in},
      make);
}

}  // namespace ink::cpu
