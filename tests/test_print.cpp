// Printing against what NumPy 2.4 prints: print(np.array(..., np.float32)), or np.float64.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <type_traits>

#include "tensor/ops.h"

namespace ink {
namespace {

constexpr bool kDouble = std::is_same_v<Real, double>;

std::string printed(std::initializer_list<double> values) {
  return Tensor::from(values, {static_cast<Index>(values.size())}).to_string();
}

std::string printed_scalar(double value) {
  return Tensor::scalar(static_cast<Real>(value)).to_string();
}

Tensor counting(const Shape& shape) { return Tensor::arange(0, shape.count()).reshape(shape); }

}  // namespace

TEST_CASE("print: a single number") {
  CHECK(printed_scalar(2) == "2.0");
  CHECK(printed_scalar(0.1) == "0.1");
  CHECK(printed_scalar(-1e-5) == "-1e-05");
  CHECK(printed_scalar(1.5e20) == "1.5e+20");
  CHECK(printed_scalar(123456.75) == "123456.75");
  CHECK(printed_scalar(1e6) == (kDouble ? "1000000.0" : "1e+06"));
  CHECK(printed_scalar(1.0 / 3) == (kDouble ? "0.3333333333333333" : "0.33333334"));
  CHECK(printed_scalar(0) == "0.0");
  CHECK(printed_scalar(NAN) == "nan");
  CHECK(printed_scalar(-INFINITY) == "-inf");
}

TEST_CASE("print: points below each other, no more digits than needed") {
  CHECK(printed({1.5, -2.25, 100}) == "[  1.5   -2.25 100.  ]");
  CHECK(printed({-0.0, 1}) == "[-0.  1.]");
  CHECK(printed({7}) == "[7.]");
  CHECK(printed({1.0 / 3, -2, 1000.0 / 7}) == (kDouble
                                                   ? "[  0.33333333  -2.         142.85714286]"
                                                   : "[  0.33333334  -2.         142.85715   ]"));
  CHECK(counting({2, 3}).to_string() == "[[0. 1. 2.]\n [3. 4. 5.]]");
}

TEST_CASE("print: NaN and infinity take their place in the column") {
  CHECK(Tensor::from({1.5, NAN, INFINITY, -INFINITY}, {2, 2}).to_string() ==
        "[[ 1.5  nan]\n [ inf -inf]]");
  CHECK(printed({NAN, INFINITY}) == "[nan inf]");
  CHECK(printed({NAN, 1, -INFINITY}) == "[ nan   1. -inf]");
}

TEST_CASE("print: exponents where numbers are large, small or far apart") {
  CHECK(printed({1e-5, 2, 0}) == "[1.e-05 2.e+00 0.e+00]");
  CHECK(Tensor::from({1.25e-7, 1, -3e5, 0}, {2, 2}).to_string() ==
        "[[ 1.25e-07  1.00e+00]\n [-3.00e+05  0.00e+00]]");
  CHECK(printed({123456789, 1}) ==
        (kDouble ? "[1.23456789e+08 1.00000000e+00]" : "[1.2345679e+08 1.0000000e+00]"));
  CHECK(printed({1234567.5, 2.5e6}) ==
        (kDouble ? "[1234567.5 2500000. ]" : "[1.2345675e+06 2.5000000e+06]"));
  CHECK(printed({0.001, 1}) == "[0.001 1.   ]");
  CHECK(printed({0.001, 1.5}) == "[1.0e-03 1.5e+00]");
  if constexpr (kDouble) CHECK(printed({1e-200, 1, -1e5}) == "[ 1.e-200  1.e+000 -1.e+005]");
}

TEST_CASE("print: brackets nest, blocks stand apart") {
  CHECK((Tensor::arange(-4, 4).reshape({2, 2, 2}) / 4).to_string() ==
        "[[[-1.   -0.75]\n  [-0.5  -0.25]]\n\n [[ 0.    0.25]\n  [ 0.5   0.75]]]");
  CHECK(counting({1, 1, 1, 2}).to_string() == "[[[[0. 1.]]]]");
  CHECK(counting({2, 1, 1, 1}).to_string() == "[[[[0.]]]\n\n\n [[[1.]]]]");
}

TEST_CASE("print: lines end before column 75") {
  CHECK((Tensor::arange(0, 30) * Real(1.5)).to_string() ==
        "[ 0.   1.5  3.   4.5  6.   7.5  9.  10.5 12.  13.5 15.  16.5 18.  19.5\n"
        " 21.  22.5 24.  25.5 27.  28.5 30.  31.5 33.  34.5 36.  37.5 39.  40.5\n"
        " 42.  43.5]");
  CHECK((counting({2, 20}) / 8).to_string() ==
        "[[0.    0.125 0.25  0.375 0.5   0.625 0.75  0.875 1.    1.125 1.25  1.375\n"
        "  1.5   1.625 1.75  1.875 2.    2.125 2.25  2.375]\n"
        " [2.5   2.625 2.75  2.875 3.    3.125 3.25  3.375 3.5   3.625 3.75  3.875\n"
        "  4.    4.125 4.25  4.375 4.5   4.625 4.75  4.875]]");
}

TEST_CASE("print: more than a thousand elements are shown by their corners") {
  CHECK(counting({1001}).to_string() == "[   0.    1.    2. ...  998.  999. 1000.]");
  CHECK(counting({1000}).to_string().find("...") == std::string::npos);
  CHECK((counting({8, 250}) - 1000).to_string() ==
        "[[-1000.  -999.  -998. ...  -753.  -752.  -751.]\n"
        " [ -750.  -749.  -748. ...  -503.  -502.  -501.]\n"
        " [ -500.  -499.  -498. ...  -253.  -252.  -251.]\n"
        " ...\n"
        " [  250.   251.   252. ...   497.   498.   499.]\n"
        " [  500.   501.   502. ...   747.   748.   749.]\n"
        " [  750.   751.   752. ...   997.   998.   999.]]");
  CHECK((counting({2, 7, 100}) + 1).slice(1, 1, 7).to_string() ==
        "[[[ 101.  102.  103. ...  198.  199.  200.]\n"
        "  [ 201.  202.  203. ...  298.  299.  300.]\n"
        "  [ 301.  302.  303. ...  398.  399.  400.]\n"
        "  [ 401.  402.  403. ...  498.  499.  500.]\n"
        "  [ 501.  502.  503. ...  598.  599.  600.]\n"
        "  [ 601.  602.  603. ...  698.  699.  700.]]\n\n"
        " [[ 801.  802.  803. ...  898.  899.  900.]\n"
        "  [ 901.  902.  903. ...  998.  999. 1000.]\n"
        "  [1001. 1002. 1003. ... 1098. 1099. 1100.]\n"
        "  [1101. 1102. 1103. ... 1198. 1199. 1200.]\n"
        "  [1201. 1202. 1203. ... 1298. 1299. 1300.]\n"
        "  [1301. 1302. 1303. ... 1398. 1399. 1400.]]]");
}

TEST_CASE("print: nothing, and no tensor") {
  CHECK(Tensor::zeros({3, 0}).to_string() == "[]");
  CHECK(Tensor::zeros({0}).to_string() == "[]");
  CHECK(Tensor().to_string() == "undefined");
}

TEST_CASE("print: views and fmt") {
  CHECK(counting({2, 3}).transpose(0, 1).to_string() == "[[0. 3.]\n [1. 4.]\n [2. 5.]]");
  CHECK(fmt::format("{}", Tensor::ones({2})) == "[1. 1.]");
}

}  // namespace ink
