// The axes of a strided copy, put in the order in which both devices walk them.
#pragma once

#include "tensor/kernels/copy.h"

namespace ink {

struct Axis {
  Index extent;
  Index dst;  // strides
  Index src;
};

struct Axes {
  Axis axis[kMaxAxes];
  int count = 0;
};

// The axes longer than 1 by falling stride of dst, so that the last is the innermost; neighbours
// that walk as one are merged into one.
inline Axes merged_axes(const CopySizes& sizes) {
  Axes sorted;
  for (int a = 0; a < sizes.axes; ++a) {
    if (sizes.shape[a] == 1) continue;
    // Insert it before those of a smaller stride.
    int place = sorted.count++;
    for (; place > 0 && sorted.axis[place - 1].dst < sizes.dst_stride[a]; --place) {
      sorted.axis[place] = sorted.axis[place - 1];
    }
    sorted.axis[place] = {sizes.shape[a], sizes.dst_stride[a], sizes.src_stride[a]};
  }
  Axes merged;
  for (int a = 0; a < sorted.count; ++a) {
    const Axis inner = sorted.axis[a];
    if (merged.count > 0) {
      Axis& outer = merged.axis[merged.count - 1];
      if (outer.dst == inner.extent * inner.dst && outer.src == inner.extent * inner.src) {
        outer = {outer.extent * inner.extent, inner.dst, inner.src};
        continue;
      }
    }
    merged.axis[merged.count++] = inner;
  }
  return merged;
}

}  // namespace ink
