// What to say when training has gone wrong.
#pragma once

#include <string>

#include "nn/parameter.h"

namespace ink::apps {

// Which of the flat buffer's parameters is the first that is not finite: "conv_in.weight[3] is
// nan"; empty when all are finite.
std::string first_not_finite(const nn::Parameters& parameters, const Tensor& flat);

// The parameter with the largest magnitude: "conv_in.weight[3] is 1e+30".
std::string largest(const nn::Parameters& parameters, const Tensor& flat);

}  // namespace ink::apps
