// Weights as the kernels read them.
#pragma once

#include <compare>
#include <map>
#include <memory>
#include <mutex>

#include "tensor/kernels/real.h"

namespace ink {

// What kernels have made of the weights in one storage: copies in the order of their loops, or
// transformed. They stand until the storage is written to.
class PackedWeights {
 public:
  // Where the weights begin, what was made of them, and their sizes.
  struct Key {
    const Real* weight;
    int form;
    Index c_out, kernel_h, kernel_w, c_in;

    auto operator<=>(const Key&) const = default;
  };

  // The copy under this key, made by make() where there is none. Any thread may call.
  template <class T, class Make>
  std::shared_ptr<const T> find_or_make(const Key& key, const Make& make) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = copies_.find(key); found != copies_.end())
        return std::static_pointer_cast<const T>(found->second);
    }
    const std::shared_ptr<const T> made = make();
    const std::lock_guard lock(mutex_);
    copies_.insert_or_assign(key, made);
    return made;
  }

  std::size_t size() const { return copies_.size(); }
  void clear() { copies_.clear(); }

 private:
  std::mutex mutex_;
  std::map<Key, std::shared_ptr<const void>> copies_;
};

}  // namespace ink
