// Elementwise functors, written once for both devices, and the loop that applies them.
//
// A new op is a functor here and its name in the list at the end; both backends instantiate their
// one loop for every name in the lists.
#pragma once

#include <cmath>

#include "tensor/kernels/functors.h"
#include "tensor/kernels/math.h"
#include "tensor/kernels/real.h"

namespace ink {

// ---- one argument ----------------------------------------------------------------------------

// clang-format off
struct Negate     { HD Real operator()(Real x) const { return -x; } };
struct Exp        { HD Real operator()(Real x) const { return exponential(x); } };
struct Log        { HD Real operator()(Real x) const { return std::log(x); } };
struct Sqrt       { HD Real operator()(Real x) const { return std::sqrt(x); } };
struct Square     { HD Real operator()(Real x) const { return x * x; } };
struct Reciprocal { HD Real operator()(Real x) const { return 1 / x; } };
struct Abs        { HD Real operator()(Real x) const { return std::fabs(x); } };
struct Sign       { HD Real operator()(Real x) const { return Real(x > 0) - Real(x < 0); } };
struct Sin        { HD Real operator()(Real x) const { return std::sin(x); } };
struct Cos        { HD Real operator()(Real x) const { return std::cos(x); } };
struct Tanh       { HD Real operator()(Real x) const { return std::tanh(x); } };
struct Relu       { HD Real operator()(Real x) const { return x > 0 ? x : Real(0); } };
struct Sigmoid    { HD Real operator()(Real x) const { return 1 / (1 + exponential(-x)); } };  // (ACT.1)
struct Silu       { HD Real operator()(Real x) const { return x * Sigmoid{}(x); } };           // (ACT.3)
struct NormalCdf  { HD Real operator()(Real x) const { return std::erfc(x * Real(-0.70710678118654752)) / 2; } };
struct Gelu       { HD Real operator()(Real x) const { return x * NormalCdf{}(x); } };         // (ACT.8)

// One argument and constants.
struct Scale      { Real factor; HD Real operator()(Real x) const { return factor * x; } };
struct Shift      { Real term;   HD Real operator()(Real x) const { return x + term; } };
struct Power      { Real exponent; HD Real operator()(Real x) const { return std::pow(x, exponent); } };
struct Clamp      { Real low, high;
                    HD Real operator()(Real x) const { return x < low ? low : (x > high ? high : x); } };
struct LessThan   { Real bound;  HD Real operator()(Real x) const { return Real(x < bound); } };

// ---- two arguments ---------------------------------------------------------------------------

struct Add        { HD Real operator()(Real a, Real b) const { return a + b; } };
struct Subtract   { HD Real operator()(Real a, Real b) const { return a - b; } };
struct Multiply   { HD Real operator()(Real a, Real b) const { return a * b; } };
struct Divide     { HD Real operator()(Real a, Real b) const { return a / b; } };
struct Maximum    { HD Real operator()(Real a, Real b) const { return a > b ? a : b; } };
struct Equal      { HD Real operator()(Real a, Real b) const { return Real(a == b); } };
struct SquaredDifference { HD Real operator()(Real a, Real b) const { return (a - b) * (a - b); } };
// s a + t b
struct Blend      { Real s, t; HD Real operator()(Real a, Real b) const { return s * a + t * b; } };

// Vector-Jacobian products: the upstream gradient dy first, then what the forward pass saved.
// (ACT.10)
struct AbsGrad     { HD Real operator()(Real dy, Real x) const { return dy * Sign{}(x); } };
struct SinGrad     { HD Real operator()(Real dy, Real x) const { return dy * std::cos(x); } };
struct CosGrad     { HD Real operator()(Real dy, Real x) const { return -dy * std::sin(x); } };
struct TanhGrad    { HD Real operator()(Real dy, Real y) const { return dy * (1 - y * y); } };
struct SqrtGrad    { HD Real operator()(Real dy, Real y) const { return dy / (2 * y); } };
struct SquareGrad  { HD Real operator()(Real dy, Real x) const { return 2 * dy * x; } };
struct ReciprocalGrad { HD Real operator()(Real dy, Real y) const { return -dy * y * y; } };
struct ReluGrad    { HD Real operator()(Real dy, Real x) const { return x > 0 ? dy : Real(0); } };
struct SigmoidGrad { HD Real operator()(Real dy, Real y) const { return dy * y * (1 - y); } };  // (ACT.2)
struct SiluGrad    {                                                                            // (ACT.4)
  HD Real operator()(Real dy, Real x) const {
    const Real s = Sigmoid{}(x);
    return dy * s * (1 + x * (1 - s));
  }
};
struct GeluGrad    {                                                                            // (ACT.9)
  HD Real operator()(Real dy, Real x) const {
    const Real density = Real(0.39894228040143268) * exponential(Real(-0.5) * x * x);
    return dy * (NormalCdf{}(x) + x * density);
  }
};
struct PowerGrad   { Real exponent;
                     HD Real operator()(Real dy, Real x) const { return dy * exponent * std::pow(x, exponent - 1); } };
struct ClampGrad   { Real low, high;
                     HD Real operator()(Real dy, Real x) const { return x < low || x > high ? Real(0) : dy; } };

// ---- three arguments -------------------------------------------------------------------------

// d(a / b) / db
struct DivideGradB { HD Real operator()(Real dy, Real a, Real b) const { return -dy * a / (b * b); } };
// factor dy (a - b): the gradient of a mean of squared differences, with dy a constant array
struct SquaredDifferenceGrad { Real factor;
  HD Real operator()(Real dy, Real a, Real b) const { return factor * dy * (a - b); } };
// clang-format on

using UnaryFunctors =
    Functors<Negate, Exp, Log, Sqrt, Square, Reciprocal, Abs, Sign, Sin, Cos, Tanh, Relu, Sigmoid,
             Silu, Gelu, Scale, Shift, Power, Clamp, LessThan>;
using BinaryFunctors =
    Functors<Add, Subtract, Multiply, Divide, Maximum, Equal, SquaredDifference, Blend, AbsGrad,
             SinGrad, CosGrad, TanhGrad, SqrtGrad, SquareGrad, ReciprocalGrad, ReluGrad,
             SigmoidGrad, SiluGrad, GeluGrad, PowerGrad, ClampGrad>;
using TernaryFunctors = Functors<DivideGradB, SquaredDifferenceGrad>;

// out[i] = f(x[i], ...) for i < n, with one to three inputs, all compact and of length n.
// `out` may be one of the inputs.
namespace cpu {
template <class F, class... X>
void map(Real* out, Index n, F f, const X*... x);
}
namespace cuda {
template <class F, class... X>
void map(Real* out, Index n, F f, const X*... x);
}

}  // namespace ink
