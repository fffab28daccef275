#include "tensor/kernels/copy.h"

#include <algorithm>

#include "tensor/cpu/parallel.h"
#include "tensor/cpu/simd.h"
#include "tensor/kernels/axes.h"

namespace ink::cpu {

namespace {

// Elements that one task moves.
constexpr Index kBlock = 16384;

// The axes of a copy, the last one innermost.
struct Walk {
  Axis axis[kMaxAxes + 2];
  int axes = 0;

  explicit Walk(const Axes& merged) {
    for (int a = 0; a < merged.count; ++a) push(merged.axis[a]);
  }

  Index positions() const {
    Index product = 1;
    for (int a = 0; a < axes; ++a) product *= axis[a].extent;
    return product;
  }

  void push(const Axis& inner) { axis[axes++] = inner; }

  // Removes an axis; one of extent 1 when there is none.
  Axis take(int a) {
    if (axes == 0) return {1, 1, 1};
    const Axis taken = axis[a];
    std::copy(axis + a + 1, axis + axes, axis + a);
    --axes;
    return taken;
  }

  // The axis along which the source is contiguous, or -1.
  int contiguous_in_source() const {
    int a = axes - 1;
    while (a >= 0 && axis[a].src != 1) --a;
    return a;
  }
};

// Calls body(dst, src, at) at the positions numbered first to last - 1: the offsets, and the index
// on every axis.
template <class Body>
void for_positions(const Walk& walk, Index first, Index last, const Body& body) {
  Index at[kMaxAxes + 2];
  Index dst = 0, src = 0;
  Index rest = first;
  for (int a = walk.axes - 1; a >= 0; --a) {
    at[a] = rest % walk.axis[a].extent;
    rest /= walk.axis[a].extent;
    dst += at[a] * walk.axis[a].dst;
    src += at[a] * walk.axis[a].src;
  }
  for (Index position = first; position < last; ++position) {
    body(dst, src, at);
    for (int a = walk.axes - 1; a >= 0; --a) {
      const Axis& axis = walk.axis[a];
      dst += axis.dst;
      src += axis.src;
      if (++at[a] < axis.extent) break;
      dst -= at[a] * axis.dst;
      src -= at[a] * axis.src;
      at[a] = 0;
    }
  }
}

// n elements along one axis.
void copy_line(Real* dst, const Real* src, Index n, const Axis& axis) {
  if (axis.dst == 1 && axis.src == 1) {
    copy_contiguous(dst, src, n);
  } else if (axis.dst == 1 && axis.src == 0) {
    std::fill(dst, dst + n, *src);
  } else {
    for (Index i = 0; i < n; ++i) dst[i * axis.dst] = src[i * axis.src];
  }
}

// `rows` elements across and `columns` along; in a transpose at most kLanes rows.
void copy_patch(Real* dst, const Real* src, Index rows, Index columns, const Axis& across,
                const Axis& along, bool transpose) {
  Index c = 0;
  if (transpose && rows == kLanes) {
    for (; c + kLanes <= columns; c += kLanes) {
      transpose_square(dst + c, src + c * along.src, across.dst, along.src);
    }
  }
  for (Index r = 0; r < rows; ++r) {
    copy_line(dst + r * across.dst + c * along.dst, src + r * across.src + c * along.src,
              columns - c, along);
  }
}

// How an axis is cut into pieces of `length`.
Axis pieces(const Axis& axis, Index length) {
  return {(axis.extent + length - 1) / length, length * axis.dst, length * axis.src};
}

}  // namespace

void copy(Real* dst, const Real* src, const CopySizes& sizes) {
  Walk walk(merged_axes(sizes));
  if (walk.positions() == 0) return;

  // The two axes that a task moves: the innermost of dst, and in a transpose the innermost of src.
  const Axis along = walk.take(walk.axes - 1);
  const int source = walk.contiguous_in_source();
  const bool transpose = along.dst == 1 && along.src > 1 && source >= 0;
  const Axis across = walk.take(transpose ? source : walk.axes - 1);
  const Index columns = std::min(along.extent, kBlock);
  const Index rows = std::clamp<Index>(transpose ? kLanes : kBlock / columns, 1, across.extent);
  walk.push(pieces(across, rows));
  walk.push(pieces(along, columns));

  const Index block = std::max<Index>(1, kBlock / (rows * columns));
  parallel_blocks(walk.positions(), block, [&](Index first, Index last) {
    for_positions(walk, first, last, [&](Index to, Index from, const Index* at) {
      const Index row = at[walk.axes - 2] * rows;
      const Index column = at[walk.axes - 1] * columns;
      copy_patch(dst + to, src + from, std::min(rows, across.extent - row),
                 std::min(columns, along.extent - column), across, along, transpose);
    });
  });
}

void fill(Real* dst, Real value, Index n) {
  parallel_blocks(n, kBlock,
                  [=](Index first, Index last) { std::fill(dst + first, dst + last, value); });
}

}  // namespace ink::cpu
