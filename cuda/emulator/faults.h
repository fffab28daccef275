// What goes wrong in a kernel, in words.
#pragma once

#include <sstream>
#include <string>

#include "cuda/emulator/vectors.h"

namespace ink::emulator {

// "(1,2,3)"
inline std::string to_string(const uint3& at) {
  std::ostringstream out;
  out << '(' << at.x << ',' << at.y << ',' << at.z << ')';
  return out.str();
}

// Keeps the report of a fault for cudaGetErrorString; empty means none.
void set_report(std::string text);
const std::string& report();

// From now on an access to closed device memory, or past the end of a thread's stack, prints one
// line that says so before the program ends. Cheap when called again.
void watch_accesses();

}  // namespace ink::emulator
