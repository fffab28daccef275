// The machine that the emulator pretends to be, for tests.
#pragma once

namespace ink::emulator {

struct Machine {
  int driver_version = 13000;  // as cudaDriverGetVersion says it; 0: no driver
  int devices = 1;
  int major = 8;  // the chip's compute capability
  int minor = 6;
  int multiprocessors = 4;
  int shared_bytes_optin = 99 * 1024;  // a block may ask for so much
  bool has_kernels = true;             // false: the program was built for other chips
};
Machine& machine();

}  // namespace ink::emulator
