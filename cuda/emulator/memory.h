// Device memory of the emulator: an arena that the host cannot touch outside launches and copies.
#pragma once

#include <cstddef>
#include <string>

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

// The block that begins last before the address, and its size; null when there is none.
const void* nearest_block(const void* address, std::size_t* bytes);

// Whether a fence has been written to since the last call, and which: "12 bytes past the end of a
// block of 400 bytes". Empty when all hold. The fences are mended.
std::string damaged_fence();

}  // namespace ink::emulator
