# Finds which vector instructions the chosen flags allow: INK_SIMD_NAME and INK_SIMD_BITS (0: none that we know).
include(CheckCXXSourceCompiles)

function(ink_find_simd)
  list(JOIN INK_ARCH_FLAGS " " flags)
  set(CMAKE_REQUIRED_FLAGS "${CMAKE_CXX_FLAGS} ${flags}")
  set(CMAKE_REQUIRED_QUIET ON)
  string(MAKE_C_IDENTIFIER "${CMAKE_REQUIRED_FLAGS}" key)
  set(INK_SIMD_BITS 0 PARENT_SCOPE)
  foreach(candidate IN ITEMS
          "AVX-512|512|__AVX512F__" "AVX2 + FMA|256|__AVX2__" "AVX|256|__AVX__" "NEON|128|__ARM_NEON" "SSE2|128|__SSE2__")
    string(REPLACE "|" ";" candidate "${candidate}")
    list(GET candidate 0 name)
    list(GET candidate 1 bits)
    list(GET candidate 2 macro)
    check_cxx_source_compiles("
      #ifndef ${macro}
      #error without ${macro}
      #endif
      int main() {}" INK_HAS_${macro}_${key})
    if(INK_HAS_${macro}_${key})
      set(INK_SIMD_NAME ${name} PARENT_SCOPE)
      set(INK_SIMD_BITS ${bits} PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

ink_find_simd()
