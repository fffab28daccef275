#include "tensor/cpu/conv2d_winograd.h"

#include "tensor/cpu/parallel.h"
#include "tensor/cpu/register_tile.h"
#include "tensor/cpu/winograd_tiles.h"

namespace ink::cpu {
namespace {

using namespace winograd;

// What the groups have in common.
struct Task {
  const DirectConv& conv;
  const TileGrid& grid;
  const Real* filter;  // (block of channels, kPoints, c_in, width)
  Conv2dEpilogue epilogue;
  Real* y;
};

// y at a tile = A^T m A + epilogue, for its products m (kPoints, c_out).
void output_tile(const Task& task, const Real* m, Index tile) {
  const DirectConv& conv = task.conv;
  const Conv2dEpilogue& epilogue = task.epilogue;
  const auto [image, top, left, rows, columns] = task.grid.place(tile);
  const Index corner = image * conv.y_image + top * conv.y_row + left * conv.y_pixel;
  for (Index o = 0; o < conv.c_out; o += kLanes) {
    Vector bias{};
    if (epilogue.bias != nullptr) bias += load(epilogue.bias + o);
    if (epilogue.image_bias != nullptr) bias += load(epilogue.image_bias + image * conv.c_out + o);
    transform_square<transform_output, kWindow, kTile>(
        [&](int i, int j) { return load(m + (i * kWindow + j) * conv.c_out + o); },
        [&](int i, int j, Vector value) {
          if (i >= rows || j >= columns) return;
          const Index at = corner + i * conv.y_row + j * conv.y_pixel + o;
          value += bias;
          if (epilogue.residual != nullptr) value += load(epilogue.residual + at);
          store(task.y + at, value);
        });
  }
}

// m = v u at every point: (count, c_in) by (c_in, c_out). (WINO.7)
void multiply(Real* m, const Real* v, Index count, const Task& task) {
  const Index c_in = task.conv.c_in, c_out = task.conv.c_out;
  for (Index b = 0; b < column_blocks(c_out); ++b) {
    const ColumnBlock block = column_block(c_out, b);
    for (Index point = 0; point < kPoints; ++point) {
      const Real* u = task.filter + (block.first * kPoints + point * block.width()) * c_in;
      const auto product = [&](auto vectors, auto tiles, Index first) {
        Vector sum[tiles][vectors] = {};
        accumulate<0, tiles>(sum, v + (first * kPoints + point) * c_in, kPoints * c_in, 1, u,
                             block.width(), c_in);
        store_tile({m + (first * kPoints + point) * c_out + block.first, kPoints * c_out,
                    block.count, nullptr, nullptr, nullptr},
                   sum);
      };
      if (block.vectors == 2)
        for_each_tile<tile_rows(2)>(count, [&](auto tiles, Index first) {
          product(std::integral_constant<int, 2>{}, tiles, first);
        });
      else
        for_each_tile<tile_rows(1)>(count, [&](auto tiles, Index first) {
          product(std::integral_constant<int, 1>{}, tiles, first);
        });
    }
  }
}

// u = G g G^T for every pair of channels.
void transform_weight(Real* filter, const WeightView& weight, const DirectConv& conv) {
  const Scratch<Real> packed(9 * conv.c_in * conv.c_out);
  pack_weight(packed.data(), weight, conv);
  parallel_blocks(column_blocks(conv.c_out) * conv.c_in, 1, [&](Index unit, Index) {
    const ColumnBlock block = column_block(conv.c_out, unit / conv.c_in);
    const Index step = conv.c_in * block.width();  // from one tap or point to the next
    const Index at = unit % conv.c_in * block.width();
    const Real* g = packed.data() + block.first * 9 * conv.c_in + at;
    Real* u = filter + block.first * kPoints * conv.c_in + at;
    for (Index o = 0; o < block.width(); o += kLanes)
      transform_square<transform_filter, 3, kWindow>(
          [&](int i, int j) { return load(g + (i * 3 + j) * step + o); },
          [&](int i, int j, Vector value) { store(u + (i * kWindow + j) * step + o, value); });
  });
}

}  // namespace

bool suits_winograd(const DirectConv& conv) {
  return conv.kernel_h == 3 && conv.kernel_w == 3 && conv.stride == 1 && conv.c_in % kLanes == 0 &&
         conv.c_out % kLanes == 0 && conv.c_in > 0;
}

void convolve_winograd(Real* y, const Real* x, const WeightView& weight,
                       const Conv2dEpilogue& epilogue, const DirectConv& conv) {
  const TileGrid grid(conv);
  const Scratch<Real> filter(kPoints * conv.c_in * conv.c_out);
  transform_weight(filter.data(), weight, conv);
  const Task task{conv, grid, filter.data(), epilogue, y};

  // As many groups as four threads share evenly.
  const Index groups = divide_up(grid.count(), 4 * kGroup) * 4;
  parallel_blocks(grid.count(), divide_up(grid.count(), groups), [&](Index first, Index last) {
    const Scratch<Real> v(kGroup * kPoints * conv.c_in), m(kGroup * kPoints * conv.c_out);
    for (Index tile = first; tile < last; ++tile)
      grid.transform_window(v.data() + (tile - first) * kPoints * conv.c_in, x, tile);
    multiply(m.data(), v.data(), last - first, task);
    for (Index tile = first; tile < last; ++tile)
      output_tile(task, m.data() + (tile - first) * kPoints * conv.c_out, tile);
  });
}

}  // namespace ink::cpu
