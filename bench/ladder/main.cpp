// Climbs the ladder of chapter 10: one convolution of the UNet, ever faster, with the gain of each
// rung.
#include <fmt/format.h>
#include <omp.h>

#include "bench/ladder/conv2d.h"
#include "bench/peak.h"
#include "bench/timer.h"
#include "tensor/random.h"

int main() {
  using namespace ink;
  constexpr Index kImages = 64, kSize = 28, kChannels = 32;
  const int threads = omp_get_max_threads();
  Random random(1);
  const Tensor x = random.normal({kImages, kSize, kSize, kChannels});
  const Tensor weight = random.normal({kChannels, 3, 3, kChannels});
  const double work = 2.0 * kImages * kSize * kSize * 9 * kChannels * kChannels;

  omp_set_num_threads(1);
  const double peak = bench::fma_peak();
  fmt::print(
      "3 x 3 convolution, {0} -> {0} channels, {1} images of {2} x {2}; one thread's FMA peak "
      "{3:.0f} GFLOP/s\n\n",
      kChannels, kImages, kSize, peak / 1e9);
  fmt::print("{:<28} {:>7} {:>9} {:>9} {:>8} {:>6}\n", "rung", "threads", "ms", "GFLOP/s",
             "of peak", "gain");
  double before = 0;
  for (const ladder::Rung& rung : ladder::conv2d_rungs()) {
    const int used = rung.all_threads ? threads : 1;
    omp_set_num_threads(used);
    const double seconds = bench::best_of(5, [&] { rung.convolve(x, weight); });
    fmt::print("{:<28} {:>7} {:>9.2f} {:>9.1f} {:>6.0f} % {:>6}\n", rung.name, used, 1e3 * seconds,
               work / seconds / 1e9, 100 * work / seconds / (peak * used),
               before > 0 ? fmt::format("{:.1f} x", before / seconds) : "");
    before = seconds;
  }
}
