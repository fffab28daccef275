// Device memory of the emulator: an arena that the host cannot touch outside launches and copies.
#pragma once

#include <cstddef>

namespace ink::emulator {

// Null when the device has too little left. Filled with 0xFF (NaN), fenced on both sides, aligned
// to 256 bytes.
void* device_allocate(std::size_t bytes);
// False when no such block was allocated.
bool device_release(void* memory);
bool is_device_memory(const void* memory);

// A device of another size, for tests.
void set_device_bytes(std::size_t bytes);
std::size_t device_bytes();
std::size_t device_bytes_free();

// Opens the arena while it lives.
class DeviceAccess {
 public:
  DeviceAccess();
  ~DeviceAccess();
  DeviceAccess(const DeviceAccess&) = delete;
  DeviceAccess& operator=(const DeviceAccess&) = delete;
};

// The block whose fence has been written to, or null.
const void* damaged_block();

}  // namespace ink::emulator
