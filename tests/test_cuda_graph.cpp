// Graphs of recorded work, and the values that go in and come out of them.
#include <doctest/doctest.h>

#include "cuda/profile.h"
#include "tensor/kernels/copy.h"
#include "tensor/kernels/elementwise.h"
#include "tensor/kernels/graph.h"
#include "tests/support/cuda.h"
#include "tests/support/cuda_checks.h"

using namespace ink;
using namespace ink::test;

namespace {

// y += x, recorded.
void record_sum(cuda::Graph& graph, OnDevice& y, const OnDevice& x, Index n) {
  graph.begin();
  cuda::map(y.data(), n, Add{}, static_cast<const Real*>(y.data()), x.data());
  graph.end();
}

}  // namespace

TEST_SUITE("cuda graph") {
  TEST_CASE("recording does nothing, each launch does everything") {
    const OnDevice x({1, 2, 3});
    OnDevice y({10, 20, 30});
    cuda::Graph graph;
    record_sum(graph, y, x, 3);
    CHECK(y.to_vector() == std::vector<Real>{10, 20, 30});
    graph.launch();
    CHECK(y.to_vector() == std::vector<Real>{11, 22, 33});
    graph.launch();
    graph.launch();
    CHECK(y.to_vector() == std::vector<Real>{13, 26, 39});
  }

  TEST_CASE("a profile tells the kernels of a graph apart") {
    const OnDevice x({1, 2, 3});
    OnDevice y({10, 20, 30});
    const cuda::Profile profile;
    cuda::Graph graph;
    graph.begin();
    cuda::map(y.data(), 3, Add{}, static_cast<const Real*>(y.data()), x.data());
    cuda::fill(y.data(), 5, 1);
    cuda::map(y.data(), 3, Add{}, static_cast<const Real*>(y.data()), x.data());
    graph.end();
    cuda::fill(y.data(), 0, 3);  // is not part of it
    graph.launch();
    CHECK(y.to_vector() == std::vector<Real>{6, 4, 6});

    std::vector<cuda::KernelTime> times = profile.times();
    REQUIRE(times.size() == 2);
    CHECK(times[0].seconds >= times[1].seconds);
    if (times[0].launches < times[1].launches) std::swap(times[0], times[1]);
    CHECK(times[0].launches == 2);
    CHECK(times[0].kernel.find("map_kernel") != std::string::npos);
    CHECK(times[1].launches == 1);
    CHECK(times[1].kernel.find("fill_kernel") != std::string::npos);
    for (const cuda::KernelTime& time : times) CHECK(time.seconds > 0);
  }

  TEST_CASE("an abandoned recording leaves the stream as it was") {
    OnDevice y(std::vector<Real>{1});
    cuda::Graph graph;
    graph.begin();
    cuda::fill(y.data(), 5, 1);
    graph.abandon();
    CHECK(y.to_vector() == std::vector<Real>{1});
    cuda::fill(y.data(), 6, 1);
    CHECK(y.to_vector() == std::vector<Real>{6});
  }

  TEST_CASE("inputs of each step arrive in order, though the host runs ahead") {
    const std::size_t bytes = 4 * sizeof(Real);
    OnDevice x(4), y({0, 0, 0, 0});
    cuda::Inputs inputs(bytes);
    cuda::Graph graph;
    record_sum(graph, y, x, 4);
    std::vector<Real> expected(4);
    for (int step = 0; step < 7; ++step) {
      const std::vector<Real> values = numbers(4, step);
      std::memcpy(inputs.next(), values.data(), bytes);
      inputs.send(x.data());
      graph.launch();
      for (std::size_t i = 0; i < 4; ++i) expected[i] += values[i];
    }
    CHECK(y.to_vector() == expected);
  }

  TEST_CASE("outputs are those of the moment at which they were asked for") {
    OnDevice x({1, 2});
    cuda::Outputs before(2 * sizeof(Real)), after(2 * sizeof(Real));
    before.fetch(x.data());
    cuda::fill(x.data(), 7, 2);
    after.fetch(x.data());
    CHECK(static_cast<const Real*>(before.wait())[1] == 2);
    CHECK(static_cast<const Real*>(after.wait())[1] == 7);
  }
}
