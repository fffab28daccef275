#include "bench/ladder/gpu/conv2d.h"

namespace ink::ladder {

const std::vector<GpuRung>& gpu_conv2d_rungs() {
  static const std::vector<GpuRung> rungs = {
      {"a thread for each number", false, naive},
      {"a tile in shared memory", false, shared_tile},
      {"a tile in registers", false, register_tile},
      {"tensor cores", true, tensor_cores},
      {"copies behind the products", true, asynchronous_copies}};
  return rungs;
}

}  // namespace ink::ladder
