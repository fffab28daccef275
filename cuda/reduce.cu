#include "tensor/kernels/reduce.h"

#include <algorithm>
#include <bit>
#include <tuple>

#include "cuda/loop.cuh"
#include "cuda/scratch.h"

namespace ink::cuda {

namespace {

// Threads of a block: `groups` of the outer arrays x `rows` x `columns`, all powers of two.
constexpr int kBlock = 512;
constexpr Index kColumns = 32;  // at most
// Rows that one thread joins, in four chains, before the threads of its column are joined.
constexpr Index kLeaf = 32;

// How an array (outer, length, inner) is cut into blocks. It follows from the sizes alone.
struct Plan {
  ReduceSizes sizes;
  Index columns, rows, groups;
  Index chunk;                  // rows of the array that a block joins
  Index chunks, tiles, blocks;  // chunks of the length, tiles of `columns`, all blocks

  explicit Plan(const ReduceSizes& s) : sizes(s) {
    columns = std::min(kColumns, power_of_two(s.inner));
    rows = std::min(power_of_two((s.length + 7) / 8), kBlock / columns);
    groups = std::min(power_of_two(s.outer), kBlock / (columns * rows));
    chunk = rows * kLeaf;
    chunks = std::max<Index>(1, (s.length + chunk - 1) / chunk);
    tiles = (s.inner + columns - 1) / columns;
    blocks = (s.outer + groups - 1) / groups * chunks * tiles;
  }

  // The smallest one that is at least n.
  static Index power_of_two(Index n) {
    return static_cast<Index>(std::bit_ceil(static_cast<std::uint64_t>(std::max<Index>(n, 1))));
  }
};

// Partial results are loaded as they are.
template <class R>
struct Partial : R {
  HD Real load(Real x) const { return x; }
};

// The elements l = first, first + step, ... < last of a column, joined in four chains.
template <class R>
__device__ Real reduce_leaf(const Real* x, Index first, Index last, Index step, Index stride) {
  const R r;
  Real chain[4] = {R::identity(), R::identity(), R::identity(), R::identity()};
  Index l = first;
  for (; l + 3 * step < last; l += 4 * step) {
#pragma unroll
    for (int c = 0; c < 4; ++c) {
      chain[c] = r.combine(chain[c], r.load(x[(l + c * step) * stride]));
    }
  }
#pragma unroll
  for (int c = 0; c < 3; ++c, l += step) {
    if (l < last) chain[c] = r.combine(chain[c], r.load(x[l * stride]));
  }
  return r.combine(r.combine(chain[0], chain[1]), r.combine(chain[2], chain[3]));
}

// One block joins a chunk of the length for a tile of columns, in some of the outer arrays:
// out[o, chunk, i].
template <class R>
__global__ void __launch_bounds__(kBlock) reduce_kernel(Real* out, const Real* x, Plan plan) {
  __shared__ Real part[kBlock];
  const auto [outer, length, inner] = plan.sizes;
  const int thread = static_cast<int>(threadIdx.x);
  const int columns = static_cast<int>(plan.columns), rows = static_cast<int>(plan.rows);
  const int column = thread % columns, row = thread / columns % rows;

  const Index block = blockIdx.x;
  const Index i = block % plan.tiles * columns + column;
  const Index chunk = block / plan.tiles % plan.chunks;
  const Index o = block / plan.tiles / plan.chunks * plan.groups + thread / columns / rows;
  const bool inside = o < outer && i < inner;

  const Index first = chunk * plan.chunk + row;
  const Index last = std::min(length, (chunk + 1) * plan.chunk);
  part[thread] =
      inside ? reduce_leaf<R>(x + o * length * inner + i, first, last, rows, inner) : R::identity();

  // Halve the rows until one is left.
  for (int half = rows / 2; half > 0; half /= 2) {
    __syncthreads();
    if (row < half) part[thread] = R().combine(part[thread], part[thread + half * columns]);
  }
  if (inside && row == 0) out[(o * plan.chunks + chunk) * inner + i] = part[thread];
}

// Loads through Load. The chunks' results are joined in the same way, and theirs, until one is
// left.
template <class R, class Load>
void reduce_chunks(Real* out, const Real* x, const ReduceSizes& sizes) {
  const Plan plan(sizes);
  const Launch how{dim3(static_cast<unsigned>(plan.blocks)),
                   dim3(static_cast<unsigned>(plan.columns * plan.rows * plan.groups))};
  if (plan.chunks == 1) return launch(reduce_kernel<Load>, how, out, x, plan);
  const Scratch<Real> partial(sizes.outer * plan.chunks * sizes.inner);
  launch(reduce_kernel<Load>, how, partial.data(), x, plan);
  reduce_chunks<R, Partial<R>>(out, partial.data(), {sizes.outer, plan.chunks, sizes.inner});
}

}  // namespace

template <class R>
void reduce(Real* out, const Real* x, const ReduceSizes& sizes) {
  if (sizes.outer * sizes.inner > 0) reduce_chunks<R, R>(out, x, sizes);
}

namespace {

template <class... R>
constexpr auto instantiate(Functors<R...>) {
  return std::tuple{&reduce<R>...};
}

// Taking an address makes the compiler emit the loop.
[[gnu::used]] constexpr auto kReductions = instantiate(Reductions{});

}  // namespace

}  // namespace ink::cuda
