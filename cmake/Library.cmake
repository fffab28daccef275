# The library: every .cpp in its rooms, so that a new file needs no line here.

set(INK_ROOMS tensor io autograd nn diffusion)

set(INK_SOURCES)
foreach(room IN LISTS INK_ROOMS)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${room}/*.cpp)
  list(APPEND INK_SOURCES ${sources})
endforeach()

# Adds the library `name` for Real = `real`. Real is an alias in a header, so each choice is a library of its own.
function(ink_add_library name real)
  add_library(${name} STATIC ${INK_SOURCES})
  target_compile_features(${name} PUBLIC cxx_std_20)
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  target_compile_definitions(${name} PUBLIC INK_REAL=${real} INK_CUDA=${INK_WITH_CUDA})
  target_include_directories(${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/inkling>)
  target_link_libraries(${name}
    PUBLIC OpenMP::OpenMP_CXX fmt::fmt
    PRIVATE ZLIB::ZLIB
            $<BUILD_INTERFACE:nlohmann_json::nlohmann_json> $<BUILD_INTERFACE:stb::stb> $<BUILD_INTERFACE:ink_flags>)
  ink_precompile(${name})
endfunction()

# The counter-based generator promises the same bits everywhere: its products and sums stay separate.
set_source_files_properties(${PROJECT_SOURCE_DIR}/tensor/cpu/random.cpp PROPERTIES
  COMPILE_OPTIONS -ffp-contract=off SKIP_PRECOMPILE_HEADERS ON)

include(GNUInstallDirs)
ink_add_library(inkling ${INK_REAL})
add_library(Inkling::inkling ALIAS inkling)
