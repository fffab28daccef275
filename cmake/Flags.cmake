# The compiler flags of Inkling's own targets, in one place.
include(CheckCXXCompilerFlag)

# The instruction set. Tests, programs and library must agree on it: vectors stand in shared headers.
set(INK_ARCH_FLAGS)
if(INK_MARCH)
  set(INK_ARCH_FLAGS -march=${INK_MARCH})
elseif(INK_NATIVE AND NOT CMAKE_CROSSCOMPILING)
  check_cxx_compiler_flag(-march=native INK_HAS_MARCH_NATIVE)
  check_cxx_compiler_flag(-mcpu=native INK_HAS_MCPU_NATIVE)
  if(INK_HAS_MARCH_NATIVE)
    set(INK_ARCH_FLAGS -march=native)
  elseif(INK_HAS_MCPU_NATIVE)
    set(INK_ARCH_FLAGS -mcpu=native)
  endif()
endif()

add_library(ink_flags INTERFACE)
target_compile_options(ink_flags INTERFACE
  ${INK_ARCH_FLAGS}
  # a*b + c may become one FMA everywhere but in random.cpp (GCC's default; said here for Clang).
  -ffp-contract=fast
  # sqrt and fma need not set errno and comparisons need not raise flags: both stand in the way of vectors.
  # NaN, infinities and the order of additions stay as written; -ffast-math is never used.
  -fno-math-errno -fno-trapping-math
  # Vectors are passed between our own functions only: changes of that calling convention do not concern us.
  -Wno-psabi
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
  $<$<BOOL:${INK_WERROR}>:-Werror>)

# For what need not be fast, but quick to compile: -O1 takes half the time of -O3, and under a sanitizer -O0 that of -O1.
add_library(ink_slow_code INTERFACE)
target_compile_options(ink_slow_code INTERFACE $<$<CONFIG:Release>:-O1>)
if(INK_SANITIZE)
  target_compile_options(ink_slow_code INTERFACE -O0)
endif()

# The headers that most sources read, compiled once per target: a fifth to a third of the time of a usual source. Every
# source still includes what it uses (the preset `clang` builds without this). ccache does not cache sources that use
# precompiled headers, so it goes without.
if("${CMAKE_CXX_COMPILER_LAUNCHER}$ENV{CMAKE_CXX_COMPILER_LAUNCHER}" MATCHES "ccache")
  set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)
endif()
function(ink_precompile target)
  target_precompile_headers(${target} PRIVATE
    <algorithm> <cmath> <filesystem> <functional> <limits> <memory> <numeric> <optional> <string> <vector> <fmt/format.h>
    ${ARGN})
endfunction()

if(INK_SANITIZE)
  target_compile_options(ink_flags INTERFACE
    -fsanitize=${INK_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1
    # The instrumented std::function of <regex> looks uninitialised to GCC 12.
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(ink_flags INTERFACE -fsanitize=${INK_SANITIZE})
endif()

if(INK_COVERAGE)
  # Threads share the counters, so they are updated atomically.
  target_compile_options(ink_flags INTERFACE --coverage -fprofile-update=atomic -g)
  target_link_options(ink_flags INTERFACE --coverage)
endif()
