// The numbers that matrix products and convolutions multiply.
#pragma once

namespace ink::cuda {

// Rounded factors change a sum by at most (2 u + u^2) sum |a| |b|, u = 2^-11 or 2^-8. (GPU.9)
enum class Precision {
  exact,  // Real, multiply-adds of the ordinary units
  tf32,   // float rounded to 11 significant bits, on tensor cores; sums in float
  bf16,   // float rounded to 8 significant bits, on tensor cores; sums in float
};

// What the program asks for; tf32 at the start.
void set_precision(Precision precision);

// What products use: as asked for, or exact where the chip has no tensor cores for float (before
// sm_80) and where Real is double.
Precision precision();

}  // namespace ink::cuda
