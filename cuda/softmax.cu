#include "tensor/kernels/softmax.h"

#include <limits>

#include "cuda/runtime.h"
#include "cuda/warp.cuh"
#include "tensor/kernels/math.h"

namespace ink::cuda {
namespace {

constexpr int kThreads = 256;

// The threads that share a row: a warp, and the block holds several rows; or, for long rows, the
// whole block.
template <bool kWholeBlock>
struct Team {
  static constexpr int kMembers = kWholeBlock ? kThreads : kWarp;
  static constexpr int kRows = kThreads / kMembers;  // in a block

  __device__ static Index row() { return Index(blockIdx.x) * kRows + threadIdx.x / kMembers; }
  __device__ static Index member() { return threadIdx.x % kMembers; }

  template <class Combine>
  __device__ static Real join(Real value, Real identity, Combine combine) {
    if constexpr (kWholeBlock)
      return block_reduce(value, identity, combine);
    else
      return warp_reduce(value, combine);
  }
};

// A row with a NaN, a +inf or nothing but -inf becomes NaN: the difference to the largest is NaN
// there. (ACT.5)
template <class Team>
__global__ void __launch_bounds__(kThreads)
    softmax_forward_kernel(Real* y, const Real* x, Index rows, Index columns) {
  constexpr Real kLowest = -std::numeric_limits<Real>::infinity();
  if (Team::row() >= rows) return;  // a whole warp at once
  x += Team::row() * columns;
  y += Team::row() * columns;
  Real largest = kLowest;
  for (Index c = Team::member(); c < columns; c += Team::kMembers)
    largest = Larger{}(x[c], largest);
  largest = Team::join(largest, kLowest, Larger{});
  Real sum = 0;
  for (Index c = Team::member(); c < columns; c += Team::kMembers) {
    y[c] = exponential(x[c] - largest);
    sum += y[c];
  }
  const Real scale = 1 / Team::join(sum, Real(0), Plus{});
  for (Index c = Team::member(); c < columns; c += Team::kMembers) y[c] *= scale;
}

// dx = y (dy - <dy, y>) (ACT.6)
template <class Team>
__global__ void __launch_bounds__(kThreads)
    softmax_backward_kernel(Real* dx, const Real* dy, const Real* y, Index rows, Index columns) {
  if (Team::row() >= rows) return;  // a whole warp at once
  const Index row = Team::row() * columns;
  Real dot = 0;
  for (Index c = Team::member(); c < columns; c += Team::kMembers) {
    dot = std::fma(dy[row + c], y[row + c], dot);
  }
  dot = Team::join(dot, Real(0), Plus{});
  for (Index c = Team::member(); c < columns; c += Team::kMembers) {
    dx[row + c] = y[row + c] * (dy[row + c] - dot);
  }
}

// Calls body with the team that suits the length of the rows, and the launch of its blocks.
template <class Body>
void with_team(const SoftmaxSizes& sizes, const Body& body) {
  if (sizes.rows * sizes.columns == 0) return;
  const auto run = [&](auto team) {
    body(team, Launch{dim3(blocks_for(sizes.rows, team.kRows)), dim3(kThreads)});
  };
  if (sizes.columns > 1024)
    run(Team<true>{});
  else
    run(Team<false>{});
}

}  // namespace

void softmax_forward(Real* y, const Real* x, const SoftmaxSizes& sizes) {
  with_team(sizes, [&](auto team, const Launch& at) {
    launch(softmax_forward_kernel<decltype(team)>, at, y, x, sizes.rows, sizes.columns);
  });
}

void softmax_backward(Real* dx, const Real* dy, const Real* y, const SoftmaxSizes& sizes) {
  with_team(sizes, [&](auto team, const Launch& at) {
    launch(softmax_backward_kernel<decltype(team)>, at, dx, dy, y, sizes.rows, sizes.columns);
  });
}

}  // namespace ink::cuda
