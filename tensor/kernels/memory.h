// Raw memory of a device: what the caching allocator stands on.
#pragma once

#include <cstddef>

namespace ink {

namespace cpu {
// Memory aligned to 64 bytes, contents undefined; throws std::bad_alloc.
void* allocate(std::size_t bytes);
void release(void* memory) noexcept;
void copy_from_host(void* dst, const void* src, std::size_t bytes);
void copy_to_host(void* dst, const void* src, std::size_t bytes);
}  // namespace cpu
namespace cuda {
void* allocate(std::size_t bytes);
void release(void* memory) noexcept;
void copy_from_host(void* dst, const void* src, std::size_t bytes);
void copy_to_host(void* dst, const void* src, std::size_t bytes);
}  // namespace cuda

}  // namespace ink
