// The CUDA loops over elements: maps, copies, gathering, upsampling, the optimiser.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "tensor/kernels/accumulate.h"
#include "tensor/kernels/copy.h"
#include "tensor/kernels/elementwise.h"
#include "tensor/kernels/gather.h"
#include "tensor/kernels/optimizer.h"
#include "tensor/kernels/upsample_conv2d.h"
#include "tests/support/cuda.h"
#include "tests/support/cuda_checks.h"

using namespace ink;
using namespace ink::test;

namespace {

// Sizes around a pack of 16 bytes, a warp and a block.
constexpr Index kSizes[] = {0, 1, 3, 4, 5, 31, 32, 33, 255, 256, 257, 1030};

// f on both devices, from arrays that begin `shift` elements after an aligned address.
template <class F>
void check_map(const char* name, Index n, Index shift, F f) {
  CAPTURE(name);
  CAPTURE(n);
  CAPTURE(shift);
  const std::vector<Real> a = numbers(n + shift, 1), b = numbers(n + shift, 2);
  std::vector<Real> expected(a.size(), -7);
  if constexpr (std::is_invocable_v<F, Real, Real>) {
    cpu::map(expected.data() + shift, n, f, a.data() + shift, b.data() + shift);
  } else {
    cpu::map(expected.data() + shift, n, f, a.data() + shift);
  }
  const OnDevice x(a), y(b);
  for_each_schedule([&] {
    OnDevice out(std::vector<Real>(a.size(), -7));
    if constexpr (std::is_invocable_v<F, Real, Real>) {
      cuda::map(out.data() + shift, n, f, x.data() + shift, y.data() + shift);
    } else {
      cuda::map(out.data() + shift, n, f, x.data() + shift);
    }
    check_near_all(out.to_vector(), expected, 4);
  });
}

template <class... F, class Check>
void for_each_functor(Functors<F...>, const Check& check) {
  (check(F{}), ...);
}

// f of positive numbers, an array for each seed, on both devices.
template <class F, class... Seed>
void check_functor(Index shift, F f, Seed... seed) {
  constexpr Index kCount = 70;
  const auto positive = [&](int s) {
    std::vector<Real> values = numbers(kCount + shift, s);
    for (Real& x : values) x = std::fabs(x) + Real(0.125);
    return values;
  };
  const std::vector<Real> x[] = {positive(seed)...};
  const OnDevice on_device[] = {OnDevice(positive(seed))...};
  std::vector<Real> expected(static_cast<std::size_t>(kCount + shift), -7);
  OnDevice out(expected);
  const auto run = [&]<std::size_t... i>(std::index_sequence<i...>) {
    cpu::map(expected.data() + shift, kCount, f, (x[i].data() + shift)...);
    cuda::map(out.data() + shift, kCount, f, (on_device[i].data() + shift)...);
  };
  run(std::index_sequence_for<Seed...>{});
  check_near_all(out.to_vector(), expected, 16);
}

}  // namespace

TEST_SUITE("cuda elementwise") {
  TEST_CASE("maps of one and two arguments, at any size and alignment") {
    for (const Index n : kSizes) {
      for (const Index shift : {0, 1}) {
        check_map("negate", n, shift, Negate{});
        check_map("silu", n, shift, Silu{});
        check_map("add", n, shift, Add{});
        check_map("silu's gradient", n, shift, SiluGrad{});
      }
    }
  }

  TEST_CASE("every functor of the lists, aligned and not") {
    for (const Index shift : {0, 1}) {
      for_each_functor(UnaryFunctors{}, [&](auto f) { check_functor(shift, f, 1); });
      for_each_functor(BinaryFunctors{}, [&](auto f) { check_functor(shift, f, 1, 2); });
      for_each_functor(TernaryFunctors{}, [&](auto f) { check_functor(shift, f, 1, 2, 3); });
    }
  }

  TEST_CASE("a map may write over its input") {
    const std::vector<Real> a = numbers(70, 1), b = numbers(70, 2);
    OnDevice x(a);
    const OnDevice y(b);
    cuda::map(x.data(), 70, Add{}, static_cast<const Real*>(x.data()), y.data());
    std::vector<Real> expected(70);
    cpu::map(expected.data(), 70, Add{}, a.data(), b.data());
    CHECK(x.to_vector() == expected);
  }

  TEST_CASE("sums of arrays of many sizes at once") {
    std::vector<Index> sizes;
    for (int repeat = 0; repeat < 4; ++repeat) {
      for (const Index n : kSizes) sizes.push_back(n + 1000 * repeat);
    }
    REQUIRE(sizes.size() <= std::size_t{kMostAdditions});
    Index total = 0;
    for (const Index n : sizes) total += n;
    const std::vector<Real> start = numbers(total, 1), terms = numbers(total, 2);
    std::vector<Real> expected = start;
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += terms[i];
    for_each_schedule([&] {
      OnDevice to(start);
      const OnDevice from(terms);
      std::vector<Addition> additions;
      Index first = 0;
      for (const Index n : sizes) {
        additions.push_back({to.data() + first, from.data() + first, n});
        first += n;
      }
      cuda::accumulate(additions.data(), static_cast<int>(additions.size()));
      CHECK(to.to_vector() == expected);
    });
    cuda::accumulate(nullptr, 0);
  }

  TEST_CASE("fill writes its elements and no other") {
    for (const Index n : kSizes) {
      OnDevice x(std::vector<Real>(static_cast<std::size_t>(n + 1), 1));
      cuda::fill(x.data(), Real(2.5), n);
      std::vector<Real> expected(static_cast<std::size_t>(n), Real(2.5));
      expected.push_back(1);
      CHECK(x.to_vector() == expected);
    }
  }
}

// ---- copies ----------------------------------------------------------------------------------

namespace {

// The same copy on both devices. `extent` is the number of elements of either array; where the copy
// writes nothing, -7 must stay.
void check_copy(const CopySizes& sizes, Index dst_extent, Index src_extent, Index shift = 0) {
  const std::vector<Real> values = numbers(src_extent + shift, 3);
  std::vector<Real> expected(static_cast<std::size_t>(dst_extent + shift), -7);
  cpu::copy(expected.data() + shift, values.data() + shift, sizes);
  const OnDevice src(values);
  for_each_schedule([&] {
    OnDevice dst(std::vector<Real>(expected.size(), -7));
    cuda::copy(dst.data() + shift, src.data() + shift, sizes);
    CHECK(dst.to_vector() == expected);
  });
}

}  // namespace

TEST_SUITE("cuda copy") {
  TEST_CASE("compact arrays, at any size and alignment") {
    for (const Index n : kSizes) {
      for (const Index shift : {0, 1}) {
        CAPTURE(n);
        check_copy({1, {n}, {1}, {1}}, n, n, shift);
      }
    }
  }

  TEST_CASE("a transpose, with tiles that are full and tiles that are not") {
    for (const Index rows : {1, 3, 8, 31, 32, 33, 70}) {
      for (const Index columns : {1, 3, 8, 32, 33, 64}) {
        CAPTURE(rows);
        CAPTURE(columns);
        const Index n = rows * columns;
        check_copy({2, {rows, columns}, {columns, 1}, {1, rows}}, n, n);
        // Several of them, one after the other.
        check_copy({3, {5, rows, columns}, {n, columns, 1}, {n, 1, rows}}, 5 * n, 5 * n);
      }
    }
  }

  TEST_CASE("the part of each pixel that is one of two joined images") {
    for (const Index channels : {1, 3, 4, 8, 12}) {
      for (const Index other : {2, 4, 5}) {
        CAPTURE(channels);
        CAPTURE(other);
        const Index pixels = 37, all = channels + other;
        check_copy({2, {pixels, channels}, {all, 1}, {channels, 1}}, pixels * all,
                   pixels * channels);
        check_copy({2, {pixels, channels}, {channels, 1}, {all, 1}}, pixels * channels,
                   pixels * all);
      }
    }
  }

  TEST_CASE("repeated axes, reversed order of axes, strides on both sides") {
    check_copy({3, {4, 5, 6}, {30, 6, 1}, {0, 1, 0}}, 120, 5);
    check_copy({3, {4, 5, 6}, {30, 6, 1}, {1, 4, 20}}, 120, 120);
    check_copy({4, {2, 3, 9, 10}, {270, 90, 10, 1}, {270, 1, 30, 3}}, 540, 540);
    check_copy({2, {6, 7}, {20, 2}, {30, 3}}, 120, 180);
    check_copy({0, {}, {}, {}}, 1, 1);
    CHECK_THROWS_WITH(cuda::copy(nullptr, nullptr, {2, {1 << 16, 1 << 16}, {1 << 17, 1}, {0, 0}}),
                      doctest::Contains("at most 2147483647 elements, got 4294967296"));
    check_copy({2, {0, 7}, {7, 1}, {7, 1}}, 1, 1);
  }
}

// ---- rows and pixels -------------------------------------------------------------------------

TEST_SUITE("cuda gather") {
  TEST_CASE("rows by index, and their adjoint in the order of the index") {
    for (const Index width : {1, 3, 4, 8, 33}) {
      CAPTURE(width);
      const GatherSizes sizes{.rows = 6, .width = width, .count = 9};
      const std::vector<Real> index{5, 0, 0, 3, 5, 5, 1, 3, 0};
      const std::vector<Real> table = numbers(6 * width, 4), dout = numbers(9 * width, 5);
      std::vector<Real> out(dout.size()), dtable(table.size());
      cpu::gather_rows(out.data(), table.data(), index.data(), sizes);
      cpu::scatter_add_rows(dtable.data(), dout.data(), index.data(), sizes);
      const OnDevice at(index), rows(table), terms(dout);
      for_each_schedule([&] {
        OnDevice gathered(9 * width), added(6 * width);
        cuda::gather_rows(gathered.data(), rows.data(), at.data(), sizes);
        CHECK(gathered.to_vector() == out);
        cuda::scatter_add_rows(added.data(), terms.data(), at.data(), sizes);
        CHECK(added.to_vector() == dtable);
      });
    }
  }

  TEST_CASE("an index outside the table reads NaN and adds nothing") {
    const OnDevice table(numbers(8, 1)), index({-1, 2, 1}), dout(numbers(12, 2));
    OnDevice out(12), dtable(8);
    cuda::gather_rows(out.data(), table.data(), index.data(), {2, 4, 3});
    const std::vector<Real> values = out.to_vector();
    CHECK(std::all_of(values.begin(), values.begin() + 8, [](Real x) { return x != x; }));
    CHECK(values[8] == table.to_vector()[4]);
    cuda::scatter_add_rows(dtable.data(), dout.data(), index.data(), {2, 4, 3});
    CHECK(dtable.to_vector()[0] == 0);
    CHECK(dtable.to_vector()[4] == dout.to_vector()[8]);
  }
}

TEST_SUITE("cuda upsample") {
  TEST_CASE("both directions, for channels that are whole packs and others") {
    for (const Index channels : {1, 3, 4, 16}) {
      for (const Index factor : {1, 2, 3}) {
        CAPTURE(channels);
        CAPTURE(factor);
        const UpsampleSizes sizes{2, 5, 3, channels, factor};
        const Index small = 2 * 5 * 3 * channels, large = small * factor * factor;
        const std::vector<Real> x = numbers(small, 6), dy = numbers(large, 7);
        std::vector<Real> y(dy.size()), dx(x.size());
        cpu::upsample_forward(y.data(), x.data(), sizes);
        cpu::upsample_backward(dx.data(), dy.data(), sizes);
        const OnDevice from(x), upstream(dy);
        for_each_schedule([&] {
          OnDevice to(large), down(small);
          cuda::upsample_forward(to.data(), from.data(), sizes);
          CHECK(to.to_vector() == y);
          cuda::upsample_backward(down.data(), upstream.data(), sizes);
          CHECK(down.to_vector() == dx);
        });
      }
    }
  }

  TEST_CASE("with a convolution behind it: the bits of the two in turn") {
    const UpsampleConv2dSizes sizes{2, 3, 2, 4, 5};
    const Conv2dSizes conv = sizes.convolution();
    const Index small = 2 * 3 * 2 * 4, large = 4 * small, result = large / 4 * 5, taps = 5 * 9 * 4;
    const OnDevice x(numbers(small, 1)), weight(numbers(taps, 2)), bias(numbers(5, 3)),
        dy(numbers(result, 4));
    OnDevice up(large), dup(large), y(result), dx(small), dweight(taps), dbias(5);
    cuda::upsample_forward(up.data(), x.data(), sizes.upsampling());
    cuda::conv2d_forward(y.data(), up.data(), weight.data(), {bias.data(), nullptr, nullptr}, conv);
    cuda::conv2d_backward_data(dup.data(), dy.data(), weight.data(), conv);
    cuda::upsample_backward(dx.data(), dup.data(), sizes.upsampling());
    cuda::conv2d_backward_weight(dweight.data(), dbias.data(), up.data(), dy.data(), conv);
    for_each_schedule([&] {
      OnDevice y2(result), dx2(small), dweight2(taps), dbias2(5);
      cuda::upsample_conv2d_forward(y2.data(), x.data(), weight.data(), bias.data(), sizes);
      CHECK(y2.to_vector() == y.to_vector());
      cuda::upsample_conv2d_backward_data(dx2.data(), dy.data(), weight.data(), sizes);
      CHECK(dx2.to_vector() == dx.to_vector());
      cuda::upsample_conv2d_backward_weight(dweight2.data(), dbias2.data(), x.data(), dy.data(),
                                            sizes);
      CHECK(dweight2.to_vector() == dweight.to_vector());
      CHECK(dbias2.to_vector() == dbias.to_vector());
    });
  }
}

// ---- the optimiser ---------------------------------------------------------------------------

namespace {

constexpr AdamWStep kStep{.learning_rate = Real(0.01),
                          .beta1 = Real(0.9),
                          .beta2 = Real(0.99),
                          .epsilon = Real(1e-8),
                          .weight_decay = Real(0.1),
                          .correction1 = Real(0.271),
                          .correction2 = Real(0.029701),
                          .max_gradient_norm = 1,
                          .average_decay = Real(0.75)};

// The buffers of a step: parameters, moments, average, gradients.
struct Buffers {
  explicit Buffers(Index n)
      : p(numbers(n, 1)), m(numbers(n, 2)), v(numbers(n, 3)), a(numbers(n, 4)), g(numbers(n, 5)) {
    for (Real& x : v) x *= x;
  }
  std::vector<Real> p, m, v, a, g;
};

}  // namespace

TEST_SUITE("cuda optimizer") {
  TEST_CASE("clipping, AdamW and the average in one pass") {
    for (const Index n : kSizes) {
      for (const bool averaged : {false, true}) {
        CAPTURE(n);
        CAPTURE(averaged);
        const Buffers start(n);
        const std::vector<Real> norm{Real(2.5)};
        Buffers e = start;
        cpu::adamw(e.p.data(), e.m.data(), e.v.data(), averaged ? e.a.data() : nullptr, e.g.data(),
                   norm.data(), n, kStep);
        const OnDevice g(start.g), device_norm(norm);
        for_each_schedule([&] {
          OnDevice p(start.p), m(start.m), v(start.v), a(start.a);
          cuda::adamw(p.data(), m.data(), v.data(), averaged ? a.data() : nullptr, g.data(),
                      device_norm.data(), n, kStep);
          check_near_all(p.to_vector(), e.p, 16);
          check_near_all(m.to_vector(), e.m, 4);
          check_near_all(v.to_vector(), e.v, 4);
          check_near_all(a.to_vector(), e.a, 16);
        });
      }
    }
  }

  TEST_CASE("buffers that are not aligned") {
    constexpr Index kCount = 37;
    const Buffers start(kCount + 1);
    const std::vector<Real> norm{Real(2.5)};
    Buffers e = start;
    cpu::adamw(e.p.data() + 1, e.m.data() + 1, e.v.data() + 1, e.a.data() + 1, e.g.data() + 1,
               norm.data(), kCount, kStep);
    const OnDevice g(start.g), device_norm(norm);
    OnDevice p(start.p), m(start.m), v(start.v), a(start.a);
    cuda::adamw(p.data() + 1, m.data() + 1, v.data() + 1, a.data() + 1, g.data() + 1,
                device_norm.data(), kCount, kStep);
    check_near_all(p.to_vector(), e.p, 16);
    check_near_all(a.to_vector(), e.a, 16);
  }

  TEST_CASE("a norm that is not finite changes nothing") {
    const Buffers start(40);
    const OnDevice g(start.g);
    for (const Real bad :
         {std::numeric_limits<Real>::infinity(), std::numeric_limits<Real>::quiet_NaN()}) {
      OnDevice p(start.p), m(start.m), v(start.v), a(start.a);
      const OnDevice norm(std::vector<Real>{bad});
      cuda::adamw(p.data(), m.data(), v.data(), a.data(), g.data(), norm.data(), 40, kStep);
      CHECK(p.to_vector() == start.p);
      CHECK(m.to_vector() == start.m);
      CHECK(v.to_vector() == start.v);
      CHECK(a.to_vector() == start.a);
    }
  }

  TEST_CASE("numbers of a step in device memory count, not those beside the address") {
    const Buffers start(33);
    const std::vector<Real> norm{Real(0.5)};
    Buffers e = start;
    cpu::adamw(e.p.data(), e.m.data(), e.v.data(), nullptr, e.g.data(), norm.data(), 33, kStep);
    std::vector<Real> bytes(sizeof(AdamWStep) / sizeof(Real));
    std::memcpy(bytes.data(), &kStep, sizeof kStep);
    const OnDevice numbers_of_step(bytes), g(start.g), device_norm(norm);
    OnDevice p(start.p), m(start.m), v(start.v);
    const auto* address = reinterpret_cast<const AdamWStep*>(numbers_of_step.data());
    cuda::adamw(p.data(), m.data(), v.data(), nullptr, g.data(), device_norm.data(), 33,
                Varying<AdamWStep>(AdamWStep{}, address));
    check_near_all(p.to_vector(), e.p, 16);
  }

  TEST_CASE("the average alone") {
    for (const Index n : kSizes) {
      Buffers e(n);
      OnDevice a(e.a);
      const OnDevice p(e.p);
      cuda::ema(a.data(), p.data(), n, Real(0.75));
      cpu::ema(e.a.data(), e.p.data(), n, Real(0.75));
      check_near_all(a.to_vector(), e.a, 4);
    }
  }
}
