// A block of images at a time is normalised into memory that stays in the second-level cache, and
// convolved from there. The backward pass repeats that, and the gradient between the two does not
// leave the cache either.
#include "tensor/kernels/norm_conv2d.h"

#include <algorithm>

#include "tensor/cpu/conv2d_weight.h"
#include "tensor/cpu/conv2d_winograd.h"
#include "tensor/cpu/group_norm.h"
#include "tensor/cpu/parallel.h"
#include "tensor/kernels/reduce.h"

namespace ink::cpu {
namespace {

using winograd::kGroup;
using winograd::TileGrid;

// The epilogue of the images from `image` on.
Conv2dEpilogue from_image(const Conv2dEpilogue& epilogue, Index image, const DirectConv& conv) {
  return {epilogue.bias, shifted(epilogue.image_bias, image * conv.c_out),
          shifted(epilogue.residual, image * conv.y_image)};
}

JoinedInput joined(const NormConv2dInputs& in, const NormConv2dSizes& sizes) {
  return {in.x, in.skip, sizes.skip_channels};
}
Joined<Real> joined_dx(const NormConv2dGradients& to, const NormConv2dSizes& sizes) {
  return {to.dx, to.dskip, sizes.skip_channels};
}
JoinedInput joined_so_far(const NormConv2dGradients& to, const NormConv2dSizes& sizes) {
  return {to.so_far, to.skip_so_far, sizes.skip_channels};
}

GroupNormSizes of_images(const GroupNormSizes& sizes, Index n) {
  GroupNormSizes block = sizes;
  block.n = n;
  return block;
}

// As many images as fill two groups of tiles, and nearly the same number in every block.
Index block_images(Index n, const TileGrid& grid) {
  const Index most = std::max<Index>(1, 2 * kGroup / grid.per_image());
  return divide_up(n, divide_up(n, most));
}

}  // namespace

void norm_conv2d_forward(Real* y, Real* mean, Real* rstd, const NormConv2dInputs& in,
                         const Conv2dEpilogue& epilogue, const NormConv2dSizes& s) {
  const Index image = s.norm.pixels * s.norm.channels;
  const Conv2dMap map = forward_map(in.weight, s.conv);
  if (!suits_winograd(map.conv)) {
    const Scratch<Real> h(s.norm.n * image);
    group_norm_forward(h.data(), mean, rstd, joined(in, s), in.gamma, in.beta, s.norm);
    conv2d_forward(y, h.data(), in.weight, epilogue, s.conv);
    return;
  }
  const WinogradConvolution convolution(map);
  const Index tiles = convolution.grid().per_image();
  const Index block = block_images(s.norm.n, convolution.grid());
  parallel_blocks(s.norm.n, block, [&](Index first, Index last) {
    const Scratch<Real> h(block * image);
    const Index n = last - first, group = first * s.norm.groups;
    group_norm_forward(h.data(), mean + group, rstd + group,
                       joined(in, s).from_image(first, s.norm), in.gamma, in.beta,
                       of_images(s.norm, n));
    convolution.run(y + first * map.conv.y_image, h.data(), from_image(epilogue, first, map.conv),
                    0, n * tiles);
  });
}

namespace {

// The gradients of the rows that were added to the images [first, first + n), of whose first one
// `dy` is. (CONV.8)
void sum_pixels(Real* dimage_bias, const Real* dy, Index first, Index n, const Conv2dSizes& s) {
  if (dimage_bias == nullptr) return;
  reduce<Sum>(dimage_bias + first * s.c_out, dy, {n, s.out_h() * s.out_w(), s.c_out});
}

// Without Winograd's algorithm: the two gradients one after the other.
void backward_in_turn(const NormConv2dGradients& to, const Real* dy, const NormConv2dInputs& in,
                      const Real* mean, const Real* rstd, const NormConv2dSizes& s) {
  sum_pixels(to.dimage_bias, dy, 0, s.norm.n, s.conv);
  const Index count = s.norm.n * s.norm.pixels * s.norm.channels;
  const Scratch<Real> h(count);
  group_norm_apply(h.data(), nullptr, joined(in, s), mean, rstd, in.gamma, in.beta, s.norm);
  conv2d_backward_weight(to.dweight, to.dbias, h.data(), dy, s.conv);
  conv2d_backward_data(h.data(), dy, in.weight.data, s.conv);  // dh, where h was
  group_norm_backward(joined_dx(to, s), to.dgamma, to.dbeta, h.data(), nullptr, joined(in, s), mean,
                      rstd, in.gamma, in.beta, s.norm, joined_so_far(to, s));
}

}  // namespace

void norm_conv2d_backward(const NormConv2dGradients& to, const Real* dy, const NormConv2dInputs& in,
                          const Real* mean, const Real* rstd, const NormConv2dSizes& s) {
  const DirectConv conv = forward_map(in.weight, s.conv).conv;
  if (!suits_winograd_weight(conv)) {
    backward_in_turn(to, dy, in, mean, rstd, s);
    return;
  }
  const TileGrid grid(conv);
  const WinogradConvolution backward_data(backward_map(in.weight.data, s.conv, 0, 0));
  const Index tiles = grid.per_image(), dx_tiles = backward_data.grid().per_image();
  const Index image = s.norm.pixels * s.norm.channels, channels = s.norm.channels;

  // A thread takes a chunk of images, whose dweight it sums block by block.
  const Index chunk_images = divide_up(s.norm.n, winograd_chunks(conv));
  const Index chunks = divide_up(s.norm.n, chunk_images);
  const Index block = block_images(chunk_images, grid);
  const Index taps = 9 * conv.c_in, chunk_size = (taps + 1) * conv.c_out;
  const Index blocks = divide_up(chunk_images, block);
  const Scratch<Real> dweight(chunks * chunk_size), dgamma(chunks * blocks * channels),
      dbeta(chunks * blocks * channels);
  std::fill_n(dgamma.data(), chunks * blocks * channels, Real(0));
  std::fill_n(dbeta.data(), chunks * blocks * channels, Real(0));
  parallel_blocks(s.norm.n, chunk_images, [&](Index chunk_first, Index chunk_last) {
    const Index chunk = chunk_first / chunk_images;
    const Scratch<Real> h(block * image), slope(s.norm.silu ? block * image : 0);
    WinogradWeightSum sum(grid, conv);
    for (Index first = chunk_first; first < chunk_last; first += block) {
      const Index n = std::min(block, chunk_last - first), group = first * s.norm.groups;
      const Index share = (chunk * blocks + (first - chunk_first) / block) * channels;
      const GroupNormSizes norm = of_images(s.norm, n);
      const JoinedInput x = joined(in, s).from_image(first, s.norm);
      const Real* block_dy = dy + first * conv.y_image;
      group_norm_apply(h.data(), slope.data(), x, mean + group, rstd + group, in.gamma, in.beta,
                       norm);
      sum.add(h.data(), block_dy, 0, n * tiles,
              first + n == chunk_last ? dweight.data() + chunk * chunk_size : nullptr);
      backward_data.run(h.data(), block_dy, {}, 0, n * dx_tiles);  // dh, where h was
      sum_pixels(to.dimage_bias, block_dy, first, n, s.conv);
      group_norm_backward(joined_dx(to, s).from_image(first, s.norm), dgamma.data() + share,
                          dbeta.data() + share, h.data(), slope.data(), x, mean + group,
                          rstd + group, in.gamma, in.beta, norm,
                          joined_so_far(to, s).from_image(first, s.norm));
    }
  });
  add_chunks(to.dweight, to.dbias, {dweight.data(), chunks, taps, conv.c_out, conv.c_out});
  reduce<Sum>(to.dgamma, dgamma.data(), {1, chunks * blocks, channels});
  reduce<Sum>(to.dbeta, dbeta.data(), {1, chunks * blocks, channels});
}

}  // namespace ink::cpu
