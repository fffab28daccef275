// What a project outside sees: the headers by their rooms, the library behind them.
#include <cstdio>

#include "tensor/ops.h"

int main() {
  const ink::Tensor x = ink::Tensor::arange(0, 6).reshape({2, 3});
  const ink::Tensor y = ink::matmul(x, x, false, true);
  if (y.at({1, 1}) != 50) return 1;  // 3·3 + 4·4 + 5·5
  std::puts(y.to_string().c_str());
  return 0;
}
