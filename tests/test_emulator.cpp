// The CUDA emulator: what a kernel may use, under every schedule.
#include "cuda/emulator/host_control.h"
#include "cuda/runtime.h"
#include "cuda/shared.h"
#include "cuda/warp.cuh"
#include "tensor/kernels/memory.h"
#include "tests/support/cuda.h"

namespace ink::test {
namespace {

__global__ void sum_of_rows(Real* out, const Real* x, Index columns) {
  Real sum = 0;
  for (Index i = threadIdx.x; i < columns; i += blockDim.x) sum += x[blockIdx.x * columns + i];
  sum = cuda::block_sum(sum);
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

__global__ void transpose(Real* out, const Real* x, int n) {
  __shared__ Real tile[16][17];
  Real* const copy = cuda::dynamic_shared<Real>();
  const int row = static_cast<int>(threadIdx.y), column = static_cast<int>(threadIdx.x);
  const bool inside = row < n && column < n;
  if (inside) tile[row][column] = x[row * n + column];
  __syncthreads();
  if (inside) copy[row * n + column] = tile[column][row];
  __syncthreads();
  if (inside) out[row * n + column] = copy[row * n + column];
}

}  // namespace

TEST_CASE("emulator: a block sums through shuffles and shared memory") {
  const Index rows = 3, columns = 1000;
  std::vector<Real> x(rows * columns);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<Real>(i % 17);
  const OnDevice in(x);
  for_each_schedule([&] {
    OnDevice out(rows);
    cuda::launch(sum_of_rows, {rows, 256}, out.data(), in.data(), columns);
    const std::vector<Real> sums = out.to_vector();
    for (Index r = 0; r < rows; ++r) {
      Real expected = 0;
      for (Index c = 0; c < columns; ++c) expected += x[static_cast<std::size_t>(r * columns + c)];
      CHECK(sums[static_cast<std::size_t>(r)] == expected);
    }
  });
}

TEST_CASE("emulator: static and dynamic shared memory") {
  const int n = 13;
  std::vector<Real> x(n * n);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<Real>(i);
  const OnDevice in(x);
  for_each_schedule([&] {
    OnDevice out(n * n);
    cuda::launch(transpose, {1, dim3(16, 16), n * n * sizeof(Real)}, out.data(), in.data(), n);
    const std::vector<Real> y = out.to_vector();
    for (int i = 0; i < n; ++i) {
      for (int j = 0; j < n; ++j) CHECK(y[std::size_t(i * n + j)] == x[std::size_t(j * n + i)]);
    }
  });
}

}  // namespace ink::test
