#include "bench/conv.h"

#include "bench/timer.h"
#include "bench/training_step.h"
#include "tensor/random.h"

namespace ink::bench {
namespace {

constexpr int kRuns = 7;
constexpr int kCalls = 20;  // in a run, which waits for the device once

template <class Call>
double seconds_of(const Tensor& result, const Call& call) {
  const std::vector<double> seconds = time_runs(kRuns, [&] {
    for (int i = 0; i < kCalls; ++i) call();
    wait_for(result);
  });
  return seconds[seconds.size() / 2] / kCalls;
}

}  // namespace

ConvSeconds time_conv2d(const Conv2dSizes& s, Device device) {
  Random random(1, device);
  const Tensor x = random.normal({s.n, s.h, s.w, s.c_in});
  const Tensor dy = random.normal({s.n, s.out_h(), s.out_w(), s.c_out});
  const Tensor w = random.normal({s.c_out, s.kernel_h, s.kernel_w, s.c_in});
  const Tensor bias = random.normal({s.c_out});
  Tensor y(dy.shape(), device), dx(x.shape(), device), dw(w.shape(), device),
      db(bias.shape(), device);
  return {seconds_of(y,
                     [&] {
                       on<cpu::conv2d_forward, cuda::conv2d_forward>(
                           device, y.mutable_data(), x.data(), w.data(),
                           Conv2dEpilogue{.bias = bias.data()}, s);
                     }),
          seconds_of(dx,
                     [&] {
                       on<cpu::conv2d_backward_data, cuda::conv2d_backward_data>(
                           device, dx.mutable_data(), dy.data(), w.data(), s);
                     }),
          seconds_of(dw, [&] {
            on<cpu::conv2d_backward_weight, cuda::conv2d_backward_weight>(
                device, dw.mutable_data(), db.mutable_data(), x.data(), dy.data(), s);
          })};
}

}  // namespace ink::bench
