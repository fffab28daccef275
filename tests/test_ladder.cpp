// Every rung of the ladder of chapter 10 computes the same convolution.
#include "autograd/ops.h"
#include "bench/ladder/conv2d.h"
#include "tensor/random.h"
#include "tests/support/close.h"

namespace ink::test {

TEST_CASE("ladder: all rungs are the convolution") {
  Random random(1);
  const Tensor x = random.normal({2, 7, 5, 32}), weight = random.normal({32, 3, 3, 32});
  const Tensor expected = composed::conv2d(x, weight, {.padding = 1}).value();
  for (const ladder::Rung& rung : ladder::conv2d_rungs()) {
    CAPTURE(rung.name);
    check_close(rung.convolve(x, weight), expected, 32 * kEpsilonOfReal * std::sqrt(9. * 32));
  }
}

}  // namespace ink::test
