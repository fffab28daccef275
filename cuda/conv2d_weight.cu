// The gradients of a convolution's weight and bias: sums over all pixels, cut into chunks.
#include "cuda/chunks.h"
#include "cuda/scratch.h"
#include "cuda/window.h"
#include "tensor/kernels/conv2d.h"
#include "tensor/kernels/reduce.h"

namespace ink::cuda {
namespace {

// dweight^T = (window of x)^T dy, chunk by chunk: rows are taps and their channels, k counts
// pixels. (CONV.2)
template <int kWidth>
struct BackwardWeightProducts {
  static constexpr int kVector = kWidth;

  WindowView x;
  MatrixView dy;
  OutputColumns partial;  // of the first chunk; the others follow
  int depth;

  __device__ auto product(int chunk) const {
    Product<Operand<WindowView, Along::rows, kWidth>, Operand<MatrixView, Along::rows, kWidth>,
            OutputColumns>
        product{{x},
                {dy},
                partial,
                x.columns,
                dy.columns,
                chunk * depth,
                min(x.lines, (chunk + 1) * depth)};
    product.output.index = chunk;
    return product;
  }
};

template <int kWidth>
void multiply_chunks(Real* partial, const Real* x, const Real* dy, const Conv2dSizes& s,
                     const Chunks& cut) {
  const WindowView window = forward_window(x, s);
  const MatrixView matrix{dy, window.lines, narrow(s.c_out), narrow(s.c_out)};
  multiply(
      BackwardWeightProducts<kWidth>{
          window, matrix, {partial, window.columns, matrix.columns}, narrow(cut.depth)},
      window.columns, s.c_out, cut.count);
}

}  // namespace

void conv2d_backward_weight(Real* dweight, Real* dbias, const Real* x, const Real* dy,
                            const Conv2dSizes& s) {
  const Index taps = s.kernel_h * s.kernel_w * s.c_in, pixels = s.n * s.out_h() * s.out_w();
  const Index count = taps * s.c_out;
  const Chunks cut = cut_sum(taps, s.c_out, pixels, 1);
  const auto multiply_all = s.c_in % 4 == 0 && s.c_out % 4 == 0 && aligned(x, dy)
                                ? multiply_chunks<4>
                                : multiply_chunks<1>;
  if (cut.count == 1) {
    multiply_all(dweight, x, dy, s, cut);
  } else {
    const Scratch<Real> partial(cut.count * count);
    multiply_all(partial.data(), x, dy, s, cut);
    add_chunks(dweight, {partial.data(), 1, cut.count, count, 0});
  }
  if (dbias != nullptr) reduce<Sum>(dbias, dy, {1, pixels, s.c_out});  // (CONV.8)
}

}  // namespace ink::cuda
