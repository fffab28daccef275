// Numbers as people read them.
#pragma once

#include <string>

#include "tensor/kernels/real.h"

namespace ink::apps {

// "989,217"
std::string with_commas(Index number);
// "12 s", "3 min 20 s", "2 h 5 min"
std::string duration(double seconds);
// The text with the characters that HTML gives a meaning replaced.
std::string escape_html(const std::string& text);
// The bytes in base 64 (RFC 4648).
std::string base64(const std::string& bytes);

}  // namespace ink::apps
