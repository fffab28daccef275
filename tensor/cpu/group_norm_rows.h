// How group normalisation reads an image: by strips of columns, from row to row.
#pragma once

#include <algorithm>
#include <type_traits>

#include "tensor/cpu/group_norm.h"
#include "tensor/cpu/simd.h"

namespace ink::cpu {

// So many elements ahead of its use an image is asked for. (There it may have ended: to ask for
// what does not exist has no effect.)
inline constexpr Index kAhead = 1024;

// An image read as rows of `width` columns: `fold` pixels to a row, so that the columns fill
// vectors whatever the number of channels. The pixels left over make one last, shorter row. Of an
// image that is joined from two, a row is one pixel.
struct Rows {
  Index channels;
  Index fold;
  Index width;      // fold * channels
  Index split;      // columns that come from the first array
  Index rows;       // full ones
  Index remainder;  // columns of the last row

  Rows(const GroupNormSizes& sizes, Index skip_channels) : channels(sizes.channels) {
    fold = skip_channels > 0 ? 1 : std::clamp<Index>(64 / channels, 1, sizes.pixels);
    width = fold * channels;
    split = width - skip_channels;
    rows = sizes.pixels / fold;
    remainder = (sizes.pixels - rows * fold) * channels;
  }

  // Values that column j has seen once the image is read.
  Index count(Index j) const { return rows + (j < remainder ? 1 : 0); }
};

// column[pixel, c] = value(c, group of c)
template <class Value>
void spread(Real* column, const Rows& shape, const GroupNormSizes& sizes, const Value& value) {
  const Index group = sizes.channels / sizes.groups;
  for (Index g = 0; g < sizes.groups; ++g) {
    for (Index c = g * group; c < (g + 1) * group; ++c) column[c] = value(c, g);
  }
  for (Index pixel = 1; pixel < shape.fold; ++pixel) {
    std::copy(column, column + sizes.channels, column + pixel * sizes.channels);
  }
}

// The columns of an image that come from one array.
struct Part {
  Index first, width;
  bool of_skip;

  template <class T>
  T* in(const Joined<T>& image) const {
    return of_skip ? image.skip : image.x;
  }
};

template <class Body>
void for_each_part(const Rows& shape, const Body& body) {
  for (const Part part :
       {Part{0, shape.split, false}, Part{shape.split, shape.width - shape.split, true}})
    if (part.width > 0) body(part);
}

// kLanes columns, or the last few.
struct WholeVector {
  static constexpr int count = kLanes;
  static Vector load(const Real* p) { return cpu::load(p); }
  static void store(Real* p, Vector v) { cpu::store(p, v); }
};
struct PartOfVector {
  int count;
  Vector load(const Real* p) const { return load_part(p, count); }
  void store(Real* p, Vector v) const { store_part(p, v, count); }
};

// An image is read by strips of columns, each from row to row: what belongs to the columns stays in
// registers. Calls body(number of vectors, column) for the strips of a part.
template <class Body>
void for_strips(const Part& part, const Body& body) {
  Index j = 0;
  const auto strips_of = [&](auto vectors) {
    constexpr Index kWidth = vectors * kLanes;
    for (; j + kWidth <= part.width; j += kWidth) body(vectors, j);
  };
  strips_of(std::integral_constant<int, 4>{});
  strips_of(std::integral_constant<int, 2>{});
  for (; j < part.width; j += kLanes) body(std::integral_constant<int, 1>{}, j);
}

// Calls body(columns, v, offset in the image, offset in the part's array) for every vector v of the
// strip from column j on, in rows first to last - 1; row `shape.rows` is the shorter one.
template <int kVectors, class Body>
[[gnu::always_inline]] inline void for_rows(const Rows& shape, const Part& part, Index j,
                                            Index first, Index last, const Body& body) {
  const auto part_of_row = [&](Index r, Index columns) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const Index left = std::min<Index>(columns - v * kLanes, kLanes), c = j + v * kLanes;
      if (left > 0)
        body(PartOfVector{static_cast<int>(left)}, v, r * shape.width + part.first + c,
             r * part.width + c);
    }
  };
  const Index full = std::min(last, shape.rows);
  if (j + kVectors * kLanes <= part.width) {
    for (Index r = first; r < full; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
        body(WholeVector{}, v, r * shape.width + part.first + j + v * kLanes,
             r * part.width + j + v * kLanes);
  } else {
    for (Index r = first; r < full; ++r) part_of_row(r, part.width - j);
  }
  if (last > full) part_of_row(full, shape.remainder - j);
}

}  // namespace ink::cpu
