// Climbs the ladder of chapter 11: one convolution of the UNet on the GPU, ever faster, with the
// gain of each rung.
#include <fmt/format.h>

#include <vector>

#include "bench/ladder/gpu/conv2d.h"
#include "bench/timer.h"
#include "tensor/kernels/memory.h"
#include "tensor/random.h"

namespace {

using namespace ink;

constexpr int kRepetitions = 20;

// Waits for the GPU: a copy to the host comes after all work.
void wait(const Tensor& y) {
  Real first = 0;
  cuda::copy_to_host(&first, y.data(), sizeof(Real));
}

}  // namespace

int main() {
  constexpr Index kImages = 64, kSize = 28, kChannels = 32;
  const Conv2dSizes s{kImages, kSize, kSize, kChannels, kChannels, 3, 3, 1, 1};
  Random random(1);
  const Tensor x = random.normal({kImages, kSize, kSize, kChannels}).to(Device::cuda);
  const Tensor weight = random.normal({kChannels, 3, 3, kChannels}).to(Device::cuda);
  Tensor y = Tensor::zeros({kImages, kSize, kSize, kChannels}).to(Device::cuda);
  const double work = 2.0 * kImages * kSize * kSize * 9 * kChannels * kChannels;

  std::vector<ladder::GpuRung> rungs = ladder::gpu_conv2d_rungs();
  rungs.push_back({"the library", true,
                   [](Real* to, const Real* from, const Real* w, const Conv2dSizes& sizes) {
                     cuda::conv2d_forward(to, from, w, {}, sizes);
                   }});
  fmt::print("3 x 3 convolution, {0} -> {0} channels, {1} images of {2} x {2}\n\n", kChannels,
             kImages, kSize);
  fmt::print("{:<28} {:>9} {:>9} {:>6}\n", "rung", "ms", "TFLOP/s", "gain");
  double before = 0;
  for (const ladder::GpuRung& rung : rungs) {
    const double seconds =
        bench::best_of(5,
                       [&] {
                         for (int i = 0; i < kRepetitions; ++i)
                           rung.convolve(y.mutable_data(), x.data(), weight.data(), s);
                         wait(y);
                       }) /
        kRepetitions;
    fmt::print("{:<28} {:>9.3f} {:>9.2f} {:>6}\n", rung.name, 1e3 * seconds, work / seconds / 1e12,
               before > 0 ? fmt::format("{:.1f} x", before / seconds) : "");
    before = seconds;
  }
}
