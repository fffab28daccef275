// Flash attention on CUDA: in float32 against the CPU, on tensor cores against the definition.
#include <fmt/format.h>

#include "cuda/precision.h"
#include "tensor/kernels/attention.h"
#include "tests/support/cuda_arrays.h"

namespace ink::test {
namespace {

constexpr double kEpsilon = std::numeric_limits<Real>::epsilon();

struct Case {
  Index batch, queries, keys, heads, head_dim;
  double deviation = 1;  // of q and k: scores have its square
  Index shift = 0;       // of all arrays against an aligned address, in elements

  AttentionSizes sizes() const {
    return {batch, queries,  keys,
            heads, head_dim, static_cast<Real>(1 / std::sqrt(static_cast<double>(head_dim)))};
  }
  Index of_queries() const { return batch * queries * heads * head_dim; }
  Index of_keys() const { return batch * keys * heads * head_dim; }
  Index rows() const { return batch * heads * queries; }
  std::string name() const {
    return fmt::format("{} x {} queries, {} keys, {} heads of {}, deviation {}, shifted by {}",
                       batch, queries, keys, heads, head_dim, deviation, shift);
  }
};

// Runs with the precision until the end of the scope.
class WithPrecision {
 public:
  explicit WithPrecision(cuda::Precision precision) : before_(cuda::precision()) {
    cuda::set_precision(precision);
  }
  ~WithPrecision() { cuda::set_precision(before_); }
  WithPrecision(const WithPrecision&) = delete;
  WithPrecision& operator=(const WithPrecision&) = delete;

 private:
  cuda::Precision before_;
};

struct Inputs {
  Numbers q, k, v, d_out;
};
Inputs normal_inputs(const Case& c) {
  return {normal_numbers(c.of_queries(), 1, 0, c.deviation),
          normal_numbers(c.of_keys(), 2, 0, c.deviation), normal_numbers(c.of_keys(), 3),
          normal_numbers(c.of_queries(), 4)};
}

struct Results {
  Numbers o, logsumexp, dq, dk, dv;
  explicit Results(const Case& c)
      : o(static_cast<std::size_t>(c.of_queries())),
        logsumexp(static_cast<std::size_t>(c.rows())),
        dq(o.size()),
        dk(static_cast<std::size_t>(c.of_keys())),
        dv(dk.size()) {}
};

// The backward pass starts from `o` and `logsumexp` as given.
Results on_device(const Case& c, const Inputs& in, const Numbers& o, const Numbers& logsumexp) {
  const Shifted q(in.q, c.shift), k(in.k, c.shift), v(in.v, c.shift), d_out(in.d_out, c.shift),
      given_o(o, c.shift), given_logsumexp(logsumexp, c.shift);
  const auto got = same_under_every_schedule([&] {
    Shifted to_o(c.of_queries(), c.shift), to_logsumexp(c.rows(), c.shift),
        dq(c.of_queries(), c.shift), dk(c.of_keys(), c.shift), dv(c.of_keys(), c.shift);
    cuda::attention_forward(to_o.data(), to_logsumexp.data(), q.data(), k.data(), v.data(),
                            c.sizes());
    cuda::attention_backward(dq.data(), dk.data(), dv.data(), d_out.data(), q.data(), k.data(),
                             v.data(), given_o.data(), given_logsumexp.data(), c.sizes());
    return std::vector<Numbers>{to_o.to_vector(), to_logsumexp.to_vector(), dq.to_vector(),
                                dk.to_vector(), dv.to_vector()};
  });
  Results results(c);
  results.o = got[0], results.logsumexp = got[1];
  results.dq = got[2], results.dk = got[3], results.dv = got[4];
  return results;
}

Results on_cpu(const Case& c, const Inputs& in) {
  Results r(c);
  cpu::attention_forward(r.o.data(), r.logsumexp.data(), in.q.data(), in.k.data(), in.v.data(),
                         c.sizes());
  cpu::attention_backward(r.dq.data(), r.dk.data(), r.dv.data(), in.d_out.data(), in.q.data(),
                          in.k.data(), in.v.data(), r.o.data(), r.logsumexp.data(), c.sizes());
  return r;
}

void check_exact(const Case& c) {
  INFO(c.name());
  const WithPrecision exact(cuda::Precision::exact);
  const Inputs in = normal_inputs(c);
  const Results expected = on_cpu(c, in);
  const Results got = on_device(c, in, expected.o, expected.logsumexp);
  // 4 eps sqrt(K) on both devices; a score, up to 5 deviations of a score large, is rounded before
  // it is exponentiated.
  const double conditioning = std::max(1.0, 5 * c.deviation * c.deviation);
  const auto tolerance = [&](Index terms) {
    return 8 * kEpsilon * std::sqrt(static_cast<double>(terms)) * conditioning;
  };
  check_numbers("o", got.o, expected.o, tolerance(c.keys + c.head_dim));
  check_numbers("logsumexp", got.logsumexp, expected.logsumexp, tolerance(c.keys + c.head_dim));
  check_numbers("dq", got.dq, expected.dq, tolerance(c.keys + c.head_dim));
  check_numbers("dk", got.dk, expected.dk, tolerance(c.keys + c.queries + c.head_dim));
  check_numbers("dv", got.dv, expected.dv, tolerance(c.keys + c.queries + c.head_dim));
}

// ---- tensor cores ------------------------------------------------------------------------------

// Eighths up to 7/8: they and the products of two are exact in TF32 and in float, so that scores
// and dP are exact too, and what remains is the rounding of P and of dS.
Numbers eighths(Index count, unsigned seed) {
  Numbers x = normal_numbers(count, seed, 0, 3);
  for (Real& value : x) value = std::clamp(std::round(value), Real(-7), Real(7)) / 8;
  return x;
}

// The definition in double, and what |error| a relative error of one in P and dS may cause.
struct Definition {
  std::vector<double> o, logsumexp, dq, dk, dv, o_error, dq_error, dk_error, dv_error;
};

using Row = std::vector<double>;

// A query of a head: rows of q, o, d_out at `at`, keys from `keys` on.
void add_query(Definition& d, const Case& c, const Inputs& in, std::size_t row, std::size_t at,
               std::size_t keys) {
  const auto count = static_cast<std::size_t>(c.keys), dim = static_cast<std::size_t>(c.head_dim);
  const std::size_t stride = dim * static_cast<std::size_t>(c.heads);
  const auto dot = [&](const Numbers& a, std::size_t i, const Numbers& b, std::size_t j) {
    double sum = 0;
    for (std::size_t e = 0; e < dim; ++e) sum += double(a[i + e]) * double(b[j + e]);
    return sum;
  };
  const double scale = static_cast<double>(c.sizes().scale);
  Row p(count), dp(count);
  double sum = 0, weighted = 0;
  for (std::size_t j = 0; j < count; ++j) {
    p[j] = std::exp(scale * dot(in.q, at, in.k, keys + j * stride));
    dp[j] = dot(in.d_out, at, in.v, keys + j * stride);
    sum += p[j];
  }
  for (std::size_t j = 0; j < count; ++j) {
    p[j] /= sum;
    weighted += p[j] * dp[j];
  }
  d.logsumexp[row] = std::log(sum);
  for (std::size_t j = 0; j < count; ++j) {
    const double ds = scale * p[j] * (dp[j] - weighted);
    for (std::size_t e = 0; e < dim; ++e) {
      const std::size_t i = at + e, k = keys + j * stride + e;
      const auto add = [](double& value, double& error, double factor, Real x) {
        value += factor * double(x);
        error += std::fabs(factor * double(x));
      };
      add(d.o[i], d.o_error[i], p[j], in.v[k]);
      add(d.dv[k], d.dv_error[k], p[j], in.d_out[i]);
      add(d.dq[i], d.dq_error[i], ds, in.k[k]);
      add(d.dk[k], d.dk_error[k], ds, in.q[i]);
    }
  }
}

Definition define(const Case& c, const Inputs& in) {
  const auto queries = static_cast<std::size_t>(c.queries), keys = static_cast<std::size_t>(c.keys),
             heads = static_cast<std::size_t>(c.heads), dim = static_cast<std::size_t>(c.head_dim);
  const Row of_queries(in.q.size()), of_keys(in.k.size());
  Definition d{of_queries, Row(static_cast<std::size_t>(c.rows())),
               of_queries, of_keys,
               of_keys,    of_queries,
               of_queries, of_keys,
               of_keys};
  for (std::size_t n = 0; n < static_cast<std::size_t>(c.batch); ++n) {
    for (std::size_t h = 0; h < heads; ++h) {
      for (std::size_t i = 0; i < queries; ++i) {
        add_query(d, c, in, (n * heads + h) * queries + i, ((n * queries + i) * heads + h) * dim,
                  (n * keys * heads + h) * dim);
      }
    }
  }
  return d;
}

Numbers rounded(const Row& x) {
  Numbers y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = static_cast<Real>(x[i]);
  return y;
}

// Rounding to TF32 is off by at most 2^-11 of the number; `extra` is for the rounding to float.
void check_bounded(const std::string& name, const Numbers& got, const Row& expected,
                   const Row& error, double extra) {
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double allowed = error[i] * std::exp2(-11) + extra * std::max(1.0, error[i]);
    const double off = std::fabs(double(got[i]) - expected[i]);
    if (off <= allowed) continue;
    FAIL_CHECK(name, " at ", i, ": got ", got[i], ", expected ", expected[i], ", allowed ",
               allowed);
    return;
  }
}

void check_tensor_cores(const Case& c) {
  INFO(c.name());
  const WithPrecision tf32(cuda::Precision::tf32);
  const Inputs in = {eighths(c.of_queries(), 1), eighths(c.of_keys(), 2), eighths(c.of_keys(), 3),
                     eighths(c.of_queries(), 4)};
  const Definition d = define(c, in);
  const Results got = on_device(c, in, rounded(d.o), rounded(d.logsumexp));
  const double terms = static_cast<double>(c.keys + c.queries + c.head_dim);
  const double extra = 8 * kEpsilon * std::sqrt(terms);
  check_bounded("o", got.o, d.o, d.o_error, extra);
  check_bounded("logsumexp", got.logsumexp, d.logsumexp, Row(d.logsumexp.size()), extra);
  check_bounded("dq", got.dq, d.dq, d.dq_error, extra);
  check_bounded("dk", got.dk, d.dk, d.dk_error, extra);
  check_bounded("dv", got.dv, d.dv, d.dv_error, extra);
}

const std::vector<Case> kCases = {
    {1, 1, 1, 1, 1},     {2, 1, 5, 1, 3},          {1, 5, 1, 2, 4},     {1, 31, 33, 1, 5},
    {1, 32, 32, 2, 3},   {1, 33, 31, 1, 8},        {2, 7, 17, 3, 7},    {1, 3, 65, 1, 17},
    {2, 49, 49, 2, 32},  {1, 49, 49, 1, 32, 1, 1}, {1, 65, 64, 1, 32},  {1, 9, 9, 2, 33},
    {1, 70, 40, 1, 64},  {1, 20, 35, 2, 65},       {1, 17, 33, 1, 128}, {1, 5, 34, 1, 130, 1, 3},
    {1, 130, 70, 1, 16},
};

}  // namespace

TEST_CASE("cuda: attention equals the CPU (ATT.1) (ATT.3) (ATT.4) (ATT.5) (ATT.6)") {
  for (const Case& c : kCases) check_exact(c);
  for (const Case& c :
       {Case{2, 6, 9, 1, 8, 10}, Case{1, 4, 130, 2, 5, 10}, Case{1, 49, 49, 1, 31, 10}}) {
    check_exact(c);
  }
}

TEST_CASE("cuda: attention on tensor cores (ATT.1) (ATT.3) (ATT.4) (ATT.5)") {
  if (sizeof(Real) != sizeof(float)) return;
  for (const Case& c : kCases) check_tensor_cores(c);
}

TEST_CASE("cuda: attention without queries") {
  const AttentionSizes s = {1, 0, 3, 2, 4, Real(0.5)};
  const OnDevice k(normal_numbers(24, 1)), none(0);
  OnDevice dk(24), dv(24), nothing(0);
  cuda::attention_forward(nothing.data(), nothing.data(), none.data(), k.data(), k.data(), s);
  cuda::attention_backward(nothing.data(), dk.data(), dv.data(), none.data(), none.data(), k.data(),
                           k.data(), none.data(), none.data(), s);
  CHECK(dk.to_vector() == Numbers(24));
  CHECK(dv.to_vector() == Numbers(24));
}

}  // namespace ink::test
