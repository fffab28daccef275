#include "tensor/ops.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "tensor/kernels/accumulate.h"
#include "tensor/kernels/gather.h"
#include "tensor/kernels/gemm.h"
#include "tensor/kernels/softmax.h"

namespace ink {

void check_same_device(const char* op, const Tensor& a, const Tensor& b) {
  check(a.device() == b.device(), op,
        "expected both inputs on one device, got {} on the {} and {} on the {}", a.shape(),
        a.device() == Device::cpu ? "CPU" : "GPU", b.shape(),
        b.device() == Device::cpu ? "CPU" : "GPU");
}

void add_(Tensor& a, const Tensor& b) {
  check(a.shape() == b.shape(), "add_", "expected equal shapes, got {} and {}", a.shape(),
        b.shape());
  if (!a.is_contiguous()) return a.copy_(a + b);
  const Tensor compact = b.contiguous();
  Real* const data = a.mutable_data();
  on<cpu::map<Add, Real, Real>, cuda::map<Add, Real, Real>>(
      a.device(), data, a.count(), Add{}, static_cast<const Real*>(data), compact.data());
}

void add_each_(std::vector<Tensor>& sums, const std::vector<Tensor>& terms) {
  check(sums.size() == terms.size(), "add_each_", "expected as many terms as sums, got {} and {}",
        terms.size(), sums.size());
  std::vector<Addition> additions;
  std::vector<Tensor> compact;  // live until their kernel is launched
  const auto launch = [&] {
    if (additions.empty()) return;
    on<cpu::accumulate, cuda::accumulate>(sums.front().device(), additions.data(),
                                          static_cast<int>(additions.size()));
    additions.clear();
    compact.clear();
  };
  for (std::size_t i = 0; i < sums.size(); ++i) {
    if (!sums[i].is_contiguous()) {
      add_(sums[i], terms[i]);
      continue;
    }
    check(sums[i].shape() == terms[i].shape(), "add_each_", "expected equal shapes, got {} and {}",
          sums[i].shape(), terms[i].shape());
    compact.push_back(terms[i].contiguous());
    additions.push_back({sums[i].mutable_data(), compact.back().data(), sums[i].count()});
    if (additions.size() == kMostAdditions) launch();
  }
  launch();
}

// ---- reductions ------------------------------------------------------------------------------

namespace {

// The axes of a tensor, sorted into those that stay and those that are reduced.
struct ReducedAxes {
  std::vector<Index> kept, reduced;
};

ReducedAxes reduced_axes(const char* op, const Tensor& x, const Shape& axes) {
  std::vector<bool> is_reduced(static_cast<std::size_t>(x.axes()), axes.axes() == 0);
  for (const Index axis : axes) {
    is_reduced[static_cast<std::size_t>(normalize_axis(op, static_cast<int>(axis), x.axes()))] =
        true;
  }
  ReducedAxes result;
  for (int axis = 0; axis < x.axes(); ++axis) {
    (is_reduced[static_cast<std::size_t>(axis)] ? result.reduced : result.kept).push_back(axis);
  }
  return result;
}

// Reduced axes that are neighbours form one (outer, length, inner) reduction of the array as it
// lies; any others are first moved to the end.
template <class R>
Tensor reduce_axes(const char* op, const Tensor& x, const Shape& axes, bool keep) {
  const auto [kept, reduced] = reduced_axes(op, x, axes);
  Shape kept_shape = x.shape();
  for (const Index axis : reduced) kept_shape[static_cast<int>(axis)] = 1;

  Tensor source = x;
  ReduceSizes sizes{1, 1, 1};
  const bool neighbours =
      reduced.empty() || reduced.back() - reduced.front() + 1 == static_cast<Index>(reduced.size());
  for (const Index axis : reduced) sizes.length *= x.size(static_cast<int>(axis));
  for (const Index axis : kept) {
    const bool before = !neighbours || reduced.empty() || axis < reduced.front();
    (before ? sizes.outer : sizes.inner) *= x.size(static_cast<int>(axis));
  }
  if (!neighbours) {
    std::vector<Index> order = kept;
    order.insert(order.end(), reduced.begin(), reduced.end());
    source = x.permute(Shape(order));
  }
  source = source.contiguous();

  Tensor out(kept_shape, x.device());
  on<cpu::reduce<R>, cuda::reduce<R>>(x.device(), out.mutable_data(), source.data(), sizes);
  if (keep) return out;
  std::vector<Index> shape;
  for (const Index axis : kept) shape.push_back(x.size(static_cast<int>(axis)));
  return out.reshape(Shape(shape));
}

}  // namespace

Tensor sum(const Tensor& x, const Shape& axes, bool keep) {
  return reduce_axes<Sum>("sum", x, axes, keep);
}

Tensor sum_of_squares(const Tensor& x, const Shape& axes, bool keep) {
  return reduce_axes<SumOfSquares>("sum_of_squares", x, axes, keep);
}

Tensor max(const Tensor& x, const Shape& axes, bool keep) {
  return reduce_axes<Max>("max", x, axes, keep);
}

Tensor mean(const Tensor& x, const Shape& axes, bool keep) {
  const Tensor total = sum(x, axes, keep);
  return total * (static_cast<Real>(total.count()) / static_cast<Real>(x.count()));
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const int added = x.axes() - shape.axes();
  std::vector<Index> repeated;
  for (int axis = 0; axis < x.axes(); ++axis) {
    if (axis < added || (shape[axis - added] == 1 && x.size(axis) != 1)) repeated.push_back(axis);
  }
  return repeated.empty() ? x.reshape(shape) : sum(x, Shape(repeated)).reshape(shape);
}

// ---- products --------------------------------------------------------------------------------

namespace {

// The leading (batch) part of a matrix product's operand.
Shape batch_shape(const Tensor& x) {
  return Shape(std::span(x.shape().begin(), static_cast<std::size_t>(x.axes() - 2)));
}

// The operand as (batch, rows, columns), expanded over the batch only when it needs to be repeated
// in part.
Tensor batched(const Tensor& x, const Shape& batch) {
  if (batch_shape(x).count() == 1) return x.contiguous();
  std::vector<Index> shape(batch.begin(), batch.end());
  shape.push_back(x.size(-2));
  shape.push_back(x.size(-1));
  return x.expand(Shape(shape)).contiguous();
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  check(a.axes() >= 2 && b.axes() >= 2, "matmul", "expected at least 2 axes, got {} and {}",
        a.shape(), b.shape());
  check_same_device("matmul", a, b);
  const Index m = a.size(transpose_a ? -1 : -2), k = a.size(transpose_a ? -2 : -1);
  const Index n = b.size(transpose_b ? -2 : -1), k_of_b = b.size(transpose_b ? -1 : -2);
  check(k == k_of_b, "matmul", "the inner sizes of a {}{} and b {}{} differ: {} and {}", a.shape(),
        transpose_a ? " (transposed)" : "", b.shape(), transpose_b ? " (transposed)" : "", k,
        k_of_b);
  const Shape batch = broadcast_shape("matmul", batch_shape(a), batch_shape(b));
  const Tensor left = batched(a, batch), right = batched(b, batch);
  std::vector<Index> shape(batch.begin(), batch.end());
  shape.push_back(m);
  shape.push_back(n);
  Tensor c(Shape(shape), a.device());
  const GemmSizes sizes{.batch = batch.count(),
                        .m = m,
                        .n = n,
                        .k = k,
                        .transpose_a = transpose_a,
                        .transpose_b = transpose_b,
                        .stride_a = batch_shape(left).count() == 1 ? 0 : m * k,
                        .stride_b = batch_shape(right).count() == 1 ? 0 : k * n,
                        .stride_c = m * n};
  on<cpu::gemm, cuda::gemm>(a.device(), c.mutable_data(), left.data(), right.data(), GemmEpilogue{},
                            sizes);
  return c;
}

Tensor softmax(const Tensor& x) {
  check(x.axes() >= 1 && x.size(-1) >= 1, "softmax",
        "expected a last axis that is not empty, got {}", x.shape());
  const Tensor source = x.contiguous();
  Tensor y(x.shape(), x.device());
  const SoftmaxSizes sizes{x.count() / x.size(-1), x.size(-1)};
  on<cpu::softmax_forward, cuda::softmax_forward>(x.device(), y.mutable_data(), source.data(),
                                                  sizes);
  return y;
}

// ---- joining, cutting, choosing --------------------------------------------------------------

Tensor concat(const Tensors& parts, int axis) {
  check(!parts.empty(), "concat", "expected at least one tensor, got none");
  Shape shape = parts.front().shape();
  const int a = normalize_axis("concat", axis, shape.axes());
  shape[a] = 0;
  for (const Tensor& part : parts) {
    check_same_device("concat", parts.front(), part);
    Shape expected = part.shape();
    if (part.axes() == shape.axes()) expected[a] = shape[a];
    check(expected == shape, "concat", "expected shapes equal but for axis {}, got {} and {}", a,
          parts.front().shape(), part.shape());
    shape[a] += part.size(a);
  }
  Tensor result(shape, parts.front().device());
  Index first = 0;
  for (const Tensor& part : parts) {
    result.slice(a, first, first + part.size(a)).copy_(part);
    first += part.size(a);
  }
  return result;
}

Tensors split(const Tensor& x, const Shape& sizes, int axis) {
  const int a = normalize_axis("split", axis, x.axes());
  const Index total = std::accumulate(sizes.begin(), sizes.end(), Index{0});
  check(total == x.size(a), "split", "the sizes {} sum to {}, but axis {} of {} has {}", sizes,
        total, a, x.shape(), x.size(a));
  Tensors parts;
  Index first = 0;
  for (const Index size : sizes) {
    parts.push_back(x.slice(a, first, first + size));
    first += size;
  }
  return parts;
}

void check_whole_numbers(const char* op, const char* what, const Tensor& x, Index first,
                         Index last) {
  if (x.device() != Device::cpu) return;
  for (const Real value : x.to_vector()) {
    check(value >= static_cast<Real>(first) && value <= static_cast<Real>(last) &&
              value == std::floor(value),
          op, "expected whole {} from {} to {}, got {}", what, first, last, value);
  }
}

namespace {

void check_index(const char* op, const Tensor& index, Index rows) {
  check(index.axes() == 1, op, "expected an index of one axis, got {}", index.shape());
  check_whole_numbers(op, "indices", index, 0, rows - 1);
}

}  // namespace

Tensor gather(const Tensor& x, const Tensor& index) {
  check(x.axes() >= 1, "gather", "expected a tensor with axes, got a scalar");
  check_index("gather", index, x.size(0));
  const Tensor table = x.contiguous(), rows = index.contiguous();
  Shape shape = x.shape();
  shape[0] = index.count();
  Tensor out(shape, x.device());
  const Index width = x.size(0) == 0 ? 0 : x.count() / x.size(0);
  on<cpu::gather_rows, cuda::gather_rows>(x.device(), out.mutable_data(), table.data(), rows.data(),
                                          GatherSizes{x.size(0), width, index.count()});
  return out;
}

Tensor scatter_add(const Tensor& dy, const Tensor& index, Index rows) {
  check_index("scatter_add", index, rows);
  check(dy.axes() >= 1 && dy.size(0) == index.count(), "scatter_add",
        "expected one row of {} for each index of {}", dy.shape(), index.shape());
  const Tensor source = dy.contiguous(), compact_index = index.contiguous();
  Shape shape = dy.shape();
  shape[0] = rows;
  Tensor out(shape, dy.device());
  const Index width = rows == 0 ? 0 : out.count() / rows;
  on<cpu::scatter_add_rows, cuda::scatter_add_rows>(dy.device(), out.mutable_data(), source.data(),
                                                    compact_index.data(),
                                                    GatherSizes{rows, width, index.count()});
  return out;
}

// ---- comparing -------------------------------------------------------------------------------

bool equal(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) return false;
  const std::vector<Real> x = a.to_vector(), y = b.to_vector();
  return x.empty() || std::memcmp(x.data(), y.data(), x.size() * sizeof(Real)) == 0;
}

bool allclose(const Tensor& a, const Tensor& b, double relative, double absolute) {
  if (a.shape() != b.shape()) return false;
  const std::vector<Real> x = a.to_vector(), y = b.to_vector();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double bound = absolute + relative * std::fabs(static_cast<double>(y[i]));
    if (x[i] != y[i] && !(std::fabs(static_cast<double>(x[i]) - y[i]) <= bound)) return false;
  }
  return true;
}

double relative_error(const Tensor& a, const Tensor& b) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (a.shape() != b.shape()) return kInfinity;
  const std::vector<Real> x = a.to_vector(), y = b.to_vector();
  double difference = 0, scale = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double d = std::fabs(static_cast<double>(x[i]) - static_cast<double>(y[i]));
    if (std::isnan(d)) return kInfinity;
    difference = std::max(difference, d);
    scale = std::max(scale, std::fabs(static_cast<double>(y[i])));
  }
  if (difference == 0) return 0;
  return scale == 0 ? kInfinity : difference / scale;
}

bool all_finite(const Tensor& x) {
  const std::vector<Real> values = x.to_vector();
  return std::all_of(values.begin(), values.end(), [](Real v) { return std::isfinite(v); });
}

}  // namespace ink
