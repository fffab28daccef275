// Where a product goes, and what is added to it while it is still in registers.
#pragma once

#include "cuda/divisor.h"
#include "cuda/runtime.h"
#include "tensor/kernels/real.h"

namespace ink::cuda {

template <int kCount>
struct alignas(kCount * sizeof(Real) > 16 ? 16 : kCount * sizeof(Real)) Neighbours {
  Real v[kCount];
};

// The first min(kCount, count) elements at `from`, at once where they are `aligned`.
template <int kCount>
__device__ Neighbours<kCount> load_neighbours(const Real* from, int count, bool aligned) {
  if (aligned) return *reinterpret_cast<const Neighbours<kCount>*>(from);
  Neighbours<kCount> result{};
#pragma unroll
  for (int i = 0; i < kCount; ++i)
    if (i < count) result.v[i] = from[i];
  return result;
}
template <int kCount>
__device__ void store_neighbours(Real* to, int count, bool aligned, const Real (&values)[kCount]) {
  if (aligned) {
    Neighbours<kCount> all;
#pragma unroll
    for (int i = 0; i < kCount; ++i) all.v[i] = values[i];
    *reinterpret_cast<Neighbours<kCount>*>(to) = all;
    return;
  }
#pragma unroll
  for (int i = 0; i < kCount; ++i)
    if (i < count) to[i] = values[i];
}

// Rows of `n` elements one after another. Null pointers add nothing.
struct OutputRows {
  Real* data;
  int n;
  bool aligned;                      // rows begin at multiples of 16 bytes, as do those of residual
  const Real* bias = nullptr;        // (n)
  const Real* image_bias = nullptr;  // (images, n)
  const Real* residual = nullptr;    // shaped as the output; may be the output itself
  Divisor rows_per_image = Divisor(1);
  Index stride = 0;  // from one result of a launch to the next
  int index = 0;     // which of them this is

  struct Row {
    Index place;
    const Real* image_bias;
  };

  __device__ Row row(int m) const {
    const bool biased = image_bias != nullptr;
    return {index * stride + Index(m) * n,
            biased ? image_bias + Index(rows_per_image.quotient(m)) * n : image_bias};
  }

  // Stores the elements from `first` on, as many of them as there are.
  template <int kCount>
  __device__ void store(const Row& row, int first, const Real (&sums)[kCount]) const {
    Neighbours<kCount> rest{};
    if (residual != nullptr)
      rest = load_neighbours<kCount>(residual + row.place + first, n - first, aligned);
#pragma unroll
    for (int i = 0; i < kCount; ++i)
      if (first + i < n) rest.v[i] += with_biases(sums[i], row, first + i);
    store_neighbours(data + row.place + first, n - first, aligned, rest.v);
  }

 private:
  __device__ Real with_biases(Real sum, const Row& row, int j) const {
    if (bias != nullptr) sum += bias[j];
    if (row.image_bias != nullptr) sum += row.image_bias[j];
    return sum;
  }
};

// Every `step`-th pixel of every `step`-th row of images (h, w, n) of n channels.
struct OutputPixels {
  Real* data;  // the first one
  int n;
  bool aligned;
  int h, w, step;
  Divisor grid_pixels, grid_w;  // pixels of an image that are stored, and those of a row

  struct Row {
    Index place;
  };

  __device__ Row row(int m) const {
    const int image = grid_pixels.quotient(m), pixel = m - image * grid_pixels.value();
    const int i = grid_w.quotient(pixel), j = pixel - i * grid_w.value();
    return {((Index(image) * h + i * step) * w + j * step) * n};
  }
  template <int kCount>
  __device__ void store(const Row& row, int first, const Real (&sums)[kCount]) const {
    store_neighbours(data + row.place + first, n - first, aligned, sums);
  }
};

// The transpose: element (i, j) of the product at data[j m + i].
struct OutputColumns {
  Real* data;
  int m, n;
  int index = 0;  // which of the results of a launch, that lie one after another

  __device__ int row(int i) const { return i; }
  template <int kCount>
  __device__ void store(int i, int first, const Real (&sums)[kCount]) const {
#pragma unroll
    for (int j = 0; j < kCount; ++j)
      if (first + j < n) data[(Index(index) * n + first + j) * m + i] = sums[j];
  }
};

}  // namespace ink::cuda
