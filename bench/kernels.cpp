#include "bench/kernels.h"

#include <fmt/format.h>

#include <functional>
#include <string>

#include "bench/onednn.h"
#include "bench/timer.h"
#include "tensor/cpu/conv2d_direct.h"
#include "tensor/cpu/conv2d_narrow.h"
#include "tensor/cpu/conv2d_weight.h"
#include "tensor/cpu/conv2d_winograd.h"
#include "tensor/kernels/attention.h"
#include "tensor/kernels/conv2d.h"
#include "tensor/kernels/elementwise.h"
#include "tensor/kernels/gemm.h"
#include "tensor/kernels/group_norm.h"
#include "tensor/kernels/optimizer.h"
#include "tensor/kernels/reduce.h"
#include "tensor/kernels/softmax.h"
#include "tensor/kernels/upsample_conv2d.h"
#include "tensor/random.h"

namespace ink::bench {
namespace {

constexpr int kRuns = 7;
constexpr Index kImages = 64;

Tensor random_tensor(const Shape& shape) { return Random(1).normal(shape); }

struct Yardsticks {
  double flops, bandwidth;
};

void print_rate(const std::string& name, double rate, const Yardsticks& limit) {
  fmt::print("{:<44} {:>9.1f} GFLOP/s {:>5.0f} % of the FMA peak\n", name, rate / 1e9,
             100 * rate / limit.flops);
}

void print_products(const std::string& name, double flops, const Yardsticks& limit,
                    const std::function<void()>& run) {
  print_rate(name, flops / best_of(kRuns, run), limit);
}

// `passes`: how often an array of `count` elements is read or written at least.
void print_stream(const std::string& name, Index count, double passes, const Yardsticks& limit,
                  const std::function<void()>& run) {
  const double rate = passes * static_cast<double>(count) * sizeof(Real) / best_of(kRuns, run);
  fmt::print("{:<44} {:>9.1f} GB/s    {:>5.0f} % of the memory bandwidth\n", name, rate / 1e9,
             100 * rate / limit.bandwidth);
}

// ---- convolutions ----------------------------------------------------------------------------

struct Conv2dCase {
  Index c_in, c_out, size, kernel, stride;
};

void bench_conv2d(const Conv2dCase& c, const Yardsticks& limit) {
  const Conv2dSizes sizes{kImages,  c.size,   c.size,   c.c_in,      c.c_out,
                          c.kernel, c.kernel, c.stride, c.kernel / 2};
  const Shape y_shape{kImages, sizes.out_h(), sizes.out_w(), c.c_out};
  const Tensor x = random_tensor({kImages, c.size, c.size, c.c_in}), dy = random_tensor(y_shape);
  const Tensor w = random_tensor({c.c_out, c.kernel, c.kernel, c.c_in});
  Tensor y(y_shape), dx(x.shape()), dw(w.shape()), db({c.c_out});
  const double flops = 2.0 * static_cast<double>(y.count() * c.kernel * c.kernel * c.c_in);
  const std::string name = fmt::format("conv2d {0}x{0} {1}->{2} at {3}x{3} stride {4}", c.kernel,
                                       c.c_in, c.c_out, c.size, c.stride);
  const cpu::Conv2dMap forward = cpu::forward_map(w.data(), sizes);
  print_products(name + ": forward", flops, limit,
                 [&] { cpu::conv2d_forward(y.mutable_data(), x.data(), w.data(), {}, sizes); });
  print_products(name + ": dx", flops, limit,
                 [&] { cpu::conv2d_backward_data(dx.mutable_data(), dy.data(), w.data(), sizes); });
  print_products(name + ": dw, db", flops, limit, [&] {
    cpu::conv2d_backward_weight(dw.mutable_data(), db.mutable_data(), x.data(), dy.data(), sizes);
  });
  if (const auto theirs = time_onednn(sizes)) {
    print_rate(name + ": oneDNN's forward", flops / theirs->forward, limit);
    print_rate(name + ": oneDNN's dx", flops / theirs->data, limit);
    print_rate(name + ": oneDNN's dw, db", flops / theirs->weight, limit);
  }
  if (!cpu::suits_winograd(forward.conv) && !cpu::is_narrow(sizes)) return;
  // What Winograd's algorithm, or the one for few channels, is up against.
  print_products(name + ": direct forward", flops, limit,
                 [&] { cpu::convolve_direct(y.mutable_data(), x.data(), {}, forward); });
  print_products(name + ": direct dx", flops, limit, [&] {
    cpu::convolve_direct(dx.mutable_data(), dy.data(), {},
                         cpu::backward_map(w.data(), sizes, 0, 0));
  });
  print_products(name + ": direct dw, db", flops, limit, [&] {
    cpu::conv2d_direct_weight(dw.mutable_data(), db.mutable_data(), x.data(), dy.data(), sizes);
  });
}

// The two in turn, and as one. Both are counted as the convolution of the large image.
void bench_upsample_conv2d(Index channels, Index size, const Yardsticks& limit) {
  const UpsampleConv2dSizes sizes{kImages, size, size, channels, channels};
  const Conv2dSizes conv = sizes.convolution();
  const UpsampleSizes up = sizes.upsampling();
  const Tensor x = random_tensor({kImages, size, size, channels}),
               w = random_tensor({channels, 3, 3, channels}),
               dy = random_tensor({kImages, conv.h, conv.w, channels});
  Tensor y(dy.shape()), image(dy.shape()), dx(x.shape()), dw(w.shape()), db({channels});
  const double flops = 18.0 * static_cast<double>(y.count() * channels);
  const std::string name = fmt::format("upsampled conv2d {0}->{0} at {1}x{1}", channels, size);
  print_products(name + ": in turn", flops, limit, [&] {
    cpu::upsample_forward(image.mutable_data(), x.data(), up);
    cpu::conv2d_forward(y.mutable_data(), image.data(), w.data(), {}, conv);
  });
  print_products(name + ": as one", flops, limit, [&] {
    cpu::upsample_conv2d_forward(y.mutable_data(), x.data(), w.data(), nullptr, sizes);
  });
  print_products(name + ": dx in turn", flops, limit, [&] {
    cpu::conv2d_backward_data(image.mutable_data(), dy.data(), w.data(), conv);
    cpu::upsample_backward(dx.mutable_data(), image.data(), up);
  });
  print_products(name + ": dx as one", flops, limit, [&] {
    cpu::upsample_conv2d_backward_data(dx.mutable_data(), dy.data(), w.data(), sizes);
  });
  print_products(name + ": dw in turn", flops, limit, [&] {
    cpu::conv2d_backward_weight(dw.mutable_data(), db.mutable_data(), image.data(), dy.data(),
                                conv);
  });
  print_products(name + ": dw as one", flops, limit, [&] {
    cpu::upsample_conv2d_backward_weight(dw.mutable_data(), db.mutable_data(), x.data(), dy.data(),
                                         sizes);
  });
}

// ---- products --------------------------------------------------------------------------------

void bench_gemm(const std::string& name, const GemmSizes& sizes, const Yardsticks& limit) {
  const Tensor a = random_tensor({sizes.m * sizes.k}), b = random_tensor({sizes.n * sizes.k});
  Tensor c({sizes.m * sizes.n});
  print_products(fmt::format("gemm {} m {} n {} k {}", name, sizes.m, sizes.n, sizes.k),
                 2.0 * static_cast<double>(sizes.m * sizes.n * sizes.k), limit,
                 [&] { cpu::gemm(c.mutable_data(), a.data(), b.data(), {}, sizes); });
}

void bench_attention(Index tokens, Index heads, const Yardsticks& limit) {
  const AttentionSizes sizes{kImages, tokens, tokens, heads, 32, Real(0.17677669)};
  const Shape shape{kImages, tokens, heads * 32};
  const Tensor q = random_tensor(shape), k = random_tensor(shape), v = random_tensor(shape);
  Tensor o(shape), logsumexp({kImages, heads, tokens}), dq(shape), dk(shape), dv(shape);
  const double product = 2.0 * static_cast<double>(q.count() * tokens);
  const std::string name = fmt::format("attention {} tokens, {} heads of 32", tokens, heads);
  const auto forward = [&] {
    cpu::attention_forward(o.mutable_data(), logsumexp.mutable_data(), q.data(), k.data(), v.data(),
                           sizes);
  };
  print_products(name + ": forward", 2 * product, limit, forward);
  print_products(name + ": backward", 5 * product, limit, [&] {
    cpu::attention_backward(dq.mutable_data(), dk.mutable_data(), dv.mutable_data(), q.data(),
                            q.data(), k.data(), v.data(), o.data(), logsumexp.data(), sizes);
  });
}

// ---- streams ---------------------------------------------------------------------------------

void bench_group_norm(Index pixels, Index channels, Index groups, const Yardsticks& limit) {
  const GroupNormSizes sizes{kImages, pixels, channels, groups, Real(1e-5), true};
  const Tensor x = random_tensor({kImages, pixels, channels}), gamma = random_tensor({channels});
  Tensor y(x.shape()), dx(x.shape()), mean({kImages, groups}), rstd({kImages, groups});
  Tensor dgamma({channels}), dbeta({channels});
  const std::string name =
      fmt::format("group_norm + silu {} pixels, {} channels", pixels, channels);
  print_stream(name + ": forward", x.count(), 2, limit, [&] {
    cpu::group_norm_forward(y.mutable_data(), mean.mutable_data(), rstd.mutable_data(), x.data(),
                            gamma.data(), gamma.data(), sizes);
  });
  print_stream(name + ": backward", x.count(), 3, limit, [&] {
    cpu::group_norm_backward(dx.mutable_data(), dgamma.mutable_data(), dbeta.mutable_data(),
                             y.data(), x.data(), mean.data(), rstd.data(), gamma.data(),
                             gamma.data(), sizes);
  });
}

void bench_streams(const Yardsticks& limit) {
  const Index n = Index{1} << 22;
  const Tensor a = random_tensor({n}), b = random_tensor({n});
  Tensor out({n}), value = a.clone(), moment1 = a.clone(), moment2 = Tensor::ones({n}), one({1});
  Tensor average = a.clone();
  const Tensor norm = Tensor::ones({1});
  const AdamWStep adamw{.learning_rate = Real(1e-4),
                        .beta1 = Real(0.9),
                        .beta2 = Real(0.999),
                        .epsilon = Real(1e-8),
                        .weight_decay = 0,
                        .correction1 = 1,
                        .correction2 = 1};
  print_stream("map: a + b", n, 3, limit,
               [&] { cpu::map(out.mutable_data(), n, Add{}, a.data(), b.data()); });
  print_stream("map: silu", n, 2, limit,
               [&] { cpu::map(out.mutable_data(), n, Silu{}, a.data()); });
  print_stream("map: silu's gradient", n, 3, limit,
               [&] { cpu::map(out.mutable_data(), n, SiluGrad{}, a.data(), b.data()); });
  print_stream("reduce: sum", n, 1, limit, [&] {
    cpu::reduce<Sum>(one.mutable_data(), a.data(), {1, n, 1});
  });
  print_stream("softmax: rows of 64", n, 2, limit, [&] {
    cpu::softmax_forward(out.mutable_data(), a.data(), {n / 64, 64});
  });
  print_stream("upsample 2x: 14x14, 64 channels", kImages * 14 * 14 * 64, 5, limit,
               [&, y = Tensor({kImages, 28, 28, 64})]() mutable {
                 cpu::upsample_forward(y.mutable_data(), a.data(), {kImages, 14, 14, 64, 2});
               });
  print_stream("adamw", n, 7, limit, [&] {
    cpu::adamw(value.mutable_data(), moment1.mutable_data(), moment2.mutable_data(), nullptr,
               b.data(), norm.data(), n, adamw);
  });
  print_stream("adamw and ema in one pass", n, 9, limit, [&] {
    cpu::adamw(value.mutable_data(), moment1.mutable_data(), moment2.mutable_data(),
               average.mutable_data(), b.data(), norm.data(), n, adamw);
  });
  print_stream("ema", n, 3, limit,
               [&] { cpu::ema(value.mutable_data(), b.data(), n, Real(0.999)); });
}

}  // namespace

void bench_kernels(double peak_flops, double bandwidth) {
  const Yardsticks limit{peak_flops, bandwidth};
  const Conv2dCase cases[] = {{16, 16, 28, 3, 1},  {32, 32, 28, 3, 1}, {64, 64, 14, 3, 1},
                              {128, 128, 7, 3, 1}, {64, 32, 28, 3, 1}, {32, 32, 14, 3, 1},
                              {64, 64, 7, 3, 1},   {1, 32, 28, 3, 1},  {32, 1, 28, 3, 1},
                              {32, 32, 28, 3, 2},  {64, 32, 28, 1, 1}};
  for (const Conv2dCase& c : cases) bench_conv2d(c, limit);
  bench_upsample_conv2d(64, 14, limit);
  bench_upsample_conv2d(128, 7, limit);
  const Index rows = kImages * 49;
  bench_gemm("NT", {.m = rows, .n = 128, .k = 128, .transpose_b = true}, limit);
  bench_gemm("NN", {.m = rows, .n = 128, .k = 128}, limit);
  bench_gemm("TN", {.m = 128, .n = 128, .k = rows, .transpose_a = true}, limit);
  bench_gemm("NT", {.m = 128, .n = 128, .k = 128, .transpose_b = true}, limit);
  bench_attention(49, 2, limit);
  bench_attention(49, 4, limit);
  bench_attention(196, 2, limit);
  bench_group_norm(28 * 28, 32, 32, limit);
  bench_group_norm(14 * 14, 64, 32, limit);
  bench_group_norm(7 * 7, 128, 32, limit);
  bench_streams(limit);
}

}  // namespace ink::bench
