// A convolution's weights in the order in which its kernel reads them.
#pragma once

#include <memory>

#include "tensor/cpu/conv2d_map.h"
#include "tensor/cpu/scratch.h"

namespace ink::cpu {

using Packed = std::shared_ptr<const Scratch<Real>>;

enum class Form { direct, winograd, winograd_upsampled };

// What was kept of the map's weights in this form, or null. Any thread may call, as the next.
Packed kept(const Conv2dMap& map, Form form);
// Keeps it, if the weights say where.
void keep(const Packed& packed, const Conv2dMap& map, Form form);

// The `count` elements that pack(to) makes of the map's weights: those that were kept, or new ones.
template <class Pack>
Packed packed(const Conv2dMap& map, Form form, Index count, const Pack& pack) {
  if (const Packed found = kept(map, form)) return found;
  const auto made = std::make_shared<Scratch<Real>>(count);
  pack(made->data());
  keep(made, map, form);
  return made;
}

}  // namespace ink::cpu
