#include "cuda/emulator/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sstream>
#include <vector>

#include "cuda/emulator/faults.h"
#include "cuda/emulator/sanitizer.h"

namespace ink::emulator {
namespace {

constexpr std::size_t kAlignment = 256;
constexpr std::size_t kFence = 256;
constexpr int kPattern = 0xFF;
constexpr std::size_t kArenaBytes = std::size_t{1} << 36;  // addresses, not memory

std::size_t rounded(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// Blocks by address: [fence][bytes, rounded up][fence].
class Arena {
 public:
  Arena() {
    void* memory =
        ::mmap(nullptr, kArenaBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    begin_ = static_cast<std::byte*>(memory);
    free_[begin_] = kArenaBytes;
  }

  void* allocate(std::size_t bytes) {
    const std::size_t whole = rounded(bytes) + 2 * kFence;
    if (used_ + rounded(bytes) > capacity_) return nullptr;
    // First fit: low addresses, so that little has to be opened and closed.
    const auto hole =
        std::find_if(free_.begin(), free_.end(), [&](const auto& h) { return h.second >= whole; });
    if (hole == free_.end()) return nullptr;
    const auto [first, size] = *hole;
    free_.erase(hole);
    if (size > whole) free_[first + whole] = size - whole;
    std::byte* const block = first + kFence;
    blocks_[block] = bytes;
    used_ += rounded(bytes);
    protect(first, first + whole, PROT_READ | PROT_WRITE);
    sanitizer::unpoison(first, whole);
    std::memset(first, kPattern, whole);
    sanitizer::poison(first, kFence);
    sanitizer::poison(block + bytes, whole - kFence - bytes);
    protect(first, first + whole, PROT_NONE);
    watch_accesses();
    return block;
  }

  bool release(void* memory) {
    const auto found = blocks_.find(static_cast<std::byte*>(memory));
    if (found == blocks_.end()) return false;
    const auto [block, bytes] = *found;
    blocks_.erase(found);
    used_ -= rounded(bytes);
    const std::size_t whole = rounded(bytes) + 2 * kFence;
    // Nobody may read what was given back.
    std::byte* const first = block - kFence;
    protect(first, first + whole, PROT_READ | PROT_WRITE);
    std::memset(block, kPattern, bytes);
    sanitizer::poison(first, whole);
    protect(first, first + whole, PROT_NONE);
    std::byte* const top = used_end();
    give_back(first, whole);
    // The pages behind the last block go back to the system.
    if (std::byte* const kept = page_up(used_end()); kept < page_up(top)) {
      ::madvise(kept, static_cast<std::size_t>(page_up(top) - kept), MADV_DONTNEED);
    }
    return true;
  }

  bool contains(const void* memory) const {
    return memory >= begin_ && memory < begin_ + kArenaBytes;
  }

  const void* nearest(const void* address, std::size_t* bytes) const {
    auto after = blocks_.upper_bound(static_cast<std::byte*>(const_cast<void*>(address)));
    if (after == blocks_.begin()) return nullptr;
    --after;
    *bytes = after->second;
    return after->first;
  }

  std::string damaged() {
    if (sanitizer::kAddress) return {};  // it has stopped at the write itself
    static const std::vector<std::byte> intact(kFence + kAlignment, std::byte{kPattern});
    const auto broken = [](const std::byte* first, std::size_t size) {
      return std::memcmp(first, intact.data(), size) != 0;
    };
    for (const auto& [block, bytes] : blocks_) {
      std::byte* const end = block + bytes;
      const std::size_t behind = rounded(bytes) - bytes + kFence;
      if (!broken(block - kFence, kFence) && !broken(end, behind)) continue;
      std::ostringstream text;
      const auto written = [](std::byte b) { return b != std::byte{kPattern}; };
      if (const auto at = std::find_if(end, end + behind, written); at != end + behind) {
        text << at - end << " bytes past the end";
      } else {
        text << block - std::find_if(block - kFence, block, written) << " bytes before the start";
      }
      text << " of a block of " << bytes << " bytes";
      std::memset(block - kFence, kPattern, kFence);
      std::memset(end, kPattern, behind);
      return text.str();
    }
    return {};
  }

  void open() {
    if (open_++ == 0) protect(begin_, used_end(), PROT_READ | PROT_WRITE);
  }
  void close() {
    if (--open_ > 0) return;
    protect(begin_, used_end(), PROT_NONE);
    watch_accesses();
  }

  std::size_t capacity_ = std::size_t{4} << 30;
  std::size_t used_ = 0;

 private:
  static std::size_t page_bytes() {
    static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return bytes;
  }
  std::byte* page_up(std::byte* at) const {
    const std::size_t page = page_bytes();
    return begin_ + (static_cast<std::size_t>(at - begin_) + page - 1) / page * page;
  }
  // Sets what may be done with the pages of [first, last). Only between launches.
  void protect(std::byte* first, std::byte* last, int rights) const {
    std::byte* const page =
        begin_ + static_cast<std::size_t>(first - begin_) / page_bytes() * page_bytes();
    if (first < last) ::mprotect(page, static_cast<std::size_t>(page_up(last) - page), rights);
  }
  // Behind the last block there is one hole.
  std::byte* used_end() const { return free_.rbegin()->first; }
  void give_back(std::byte* first, std::size_t size) {
    auto next = free_.lower_bound(first);
    if (next != free_.end() && first + size == next->first) {
      size += next->second;
      next = free_.erase(next);
    }
    if (next != free_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == first) {
        before->second += size;
        return;
      }
    }
    free_[first] = size;
  }

  std::byte* begin_ = nullptr;
  int open_ = 0;
  std::map<std::byte*, std::size_t> free_;
  std::map<std::byte*, std::size_t> blocks_;
};

Arena& arena() {
  static auto* const instance = new Arena;
  return *instance;
}

}  // namespace

void* device_allocate(std::size_t bytes) { return arena().allocate(bytes); }
bool device_release(void* memory) { return arena().release(memory); }
bool is_device_memory(const void* memory) { return arena().contains(memory); }
void set_device_bytes(std::size_t bytes) { arena().capacity_ = bytes; }
std::size_t device_bytes() { return arena().capacity_; }
std::size_t device_bytes_free() {
  return arena().capacity_ - std::min(arena().used_, arena().capacity_);
}
DeviceAccess::DeviceAccess() { arena().open(); }
DeviceAccess::~DeviceAccess() { arena().close(); }
const void* nearest_block(const void* address, std::size_t* bytes) {
  return arena().nearest(address, bytes);
}
std::string damaged_fence() { return arena().damaged(); }

}  // namespace ink::emulator
