// The exponential moving average of the parameters.
#pragma once

#include "nn/parameter.h"

namespace ink::nn {

// Averages parameters, never buffers. The decay of update k = 1, 2, ... is min(decay, (k + 1) / (k
// + 10)) (OPT.5): early averages forget their random start (OPT.8).
class Ema {
 public:
  Ema(Parameters& parameters, Real decay);
  void update();
  // The decay of the next update, which is thereby counted: for a pass that updates the average
  // beside the parameters.
  Real next_decay();

  Tensor& average() { return average_; }
  Index updates() const { return updates_; }
  void set_updates(Index updates) { updates_ = updates; }

 private:
  Parameters* parameters_;
  Real decay_;
  Tensor average_;
  Index updates_ = 0;
};

// While one lives, the parameters hold the values of `other`, a flat buffer laid out as theirs.
class WithValues {
 public:
  WithValues(Parameters& parameters, const Tensor& other);
  ~WithValues();
  WithValues(const WithValues&) = delete;
  WithValues& operator=(const WithValues&) = delete;

 private:
  Parameters* parameters_;
  Tensor own_;
};

}  // namespace ink::nn
