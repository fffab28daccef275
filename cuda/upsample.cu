#include "tensor/kernels/upsample.h"

#include "cuda/loop.cuh"

namespace ink::cuda {

namespace {

// The place of pack `position` in an array (n, h, w, channels) of `packs` packs per pixel: n and h
// counted as one.
struct Pixel {
  Index row, column, channel;
  __device__ Pixel(Index position, Index width, Index packs)
      : row(position / packs / width),
        column(position / packs % width),
        channel(position % packs) {}
};

template <int Width>
__global__ void upsample_forward_kernel(Real* y, const Real* x, UpsampleSizes sizes) {
  const Index packs = sizes.channels / Width, factor = sizes.factor, y_width = sizes.w * factor;
  for (const Index position : indices(sizes.n * sizes.h * factor * y_width * packs)) {
    const Pixel to(position, y_width, packs);
    const Index from = to.row / factor * sizes.w + to.column / factor;
    store_pack(y, position, load_pack<Width>(x, from * packs + to.channel));
  }
}

template <int Width>
__global__ void upsample_backward_kernel(Real* dx, const Real* dy, UpsampleSizes sizes) {
  const Index packs = sizes.channels / Width, factor = sizes.factor, y_width = sizes.w * factor;
  for (const Index position : indices(sizes.n * sizes.h * sizes.w * packs)) {
    const Pixel to(position, sizes.w, packs);
    const Index corner = (to.row * factor * y_width + to.column * factor) * packs + to.channel;
    Pack<Width> sum = load_pack<Width>(dy, corner);
    for (Index k = 1; k < factor * factor; ++k) {
      const Index pixel = k / factor * y_width + k % factor;
      const Pack<Width> term = load_pack<Width>(dy, corner + pixel * packs);
      for (int j = 0; j < Width; ++j) sum.value[j] += term.value[j];
    }
    store_pack(dx, position, sum);
  }
}

// Launches `packed` where the channels are whole packs, else `single`.
template <class Kernel>
void launch_fitting(Kernel packed, Kernel single, Index n, Real* out, const Real* in,
                    const UpsampleSizes& sizes) {
  if (n == 0) return;
  if (sizes.channels % kPack == 0 && packs_aligned(out, in)) {
    launch(packed, launch_for(n / kPack), out, in, sizes);
  } else {
    launch(single, launch_for(n), out, in, sizes);
  }
}

}  // namespace

void upsample_forward(Real* y, const Real* x, const UpsampleSizes& sizes) {
  const Index n = sizes.n * sizes.h * sizes.w * sizes.channels;
  launch_fitting(upsample_forward_kernel<kPack>, upsample_forward_kernel<1>,
                 n * sizes.factor * sizes.factor, y, x, sizes);
}

void upsample_backward(Real* dx, const Real* dy, const UpsampleSizes& sizes) {
  const Index n = sizes.n * sizes.h * sizes.w * sizes.channels;
  launch_fitting(upsample_backward_kernel<kPack>, upsample_backward_kernel<1>, n, dx, dy, sizes);
}

}  // namespace ink::cuda
