// A list of functor types, to instantiate a kernel template for each of them in one place.
#pragma once

#include <type_traits>

namespace ink {

template <class... F>
struct Functors {
  // True when `G` stands in the list.
  template <class G>
  static constexpr bool contains = (std::is_same_v<F, G> || ...);
};

}  // namespace ink
