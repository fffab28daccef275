// What the tests of the op table share: running a case forward and backward, and comparing.
#pragma once

#include <doctest/doctest.h>

#include <exception>
#include <limits>
#include <string>

#include "tests/support/op_table/op_table.h"

namespace ink::test {

// Calls check(row, c) for every case of the table. A failure names the case; an exception fails its
// own case only.
template <class Check>
void for_each_case(const Check& check) {
  for (const OpRow& row : op_table()) {
    for (const OpCase& c : row.cases) {
      INFO(row.op, " ", row.tags, " ", c.name);
      try {
        check(row, c);
      } catch (const std::exception& error) {
        FAIL_CHECK(error.what());
      }
    }
  }
}

// The value of an op and the gradients of its inputs, undefined for constants.
struct Result {
  Tensor value;
  Tensors gradients;
};
// The upstream gradient is `dy`, or normal numbers where it is undefined.
Result differentiate(const OpCase::Op& op, const std::vector<Variable>& inputs,
                     const Tensor& dy = {});
inline Result differentiate(const OpCase& c, const Tensors& inputs) {
  return differentiate(c.run, leaves(c, inputs));
}

// The same bits everywhere? Empty, or what differs.
std::string different_bits(const Result& got, const Result& expected);

constexpr double kEpsilon = std::numeric_limits<Real>::epsilon();

// The relative error that rounding may cause in the value of a case: 4 eps sqrt(K) conditioning.
double value_tolerance(const OpCase& c);
// The same for the gradient of one input. An op with M outputs of K terms each adds up M K products
// in its backward pass, which its N input elements share: K M / N terms each, and at least K.
double gradient_tolerance(const OpCase& c, std::size_t input, Index outputs);

// Are all elements within `relative` of `expected`, as the scale says? Empty, or the worst element:
// "at (1,0,2): got 1.5, expected 2 (error 0.5, allowed 1e-6)".
std::string difference(const Tensor& got, const Array& expected, double relative, Scale scale);

}  // namespace ink::test
