# The library: every .cpp in its rooms, so that a new file needs no line here.

set(INK_ROOMS tensor io autograd nn diffusion)

set(INK_SOURCES)
foreach(room IN LISTS INK_ROOMS)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${room}/*.cpp)
  list(APPEND INK_SOURCES ${sources})
endforeach()
set(INK_CPU_KERNELS ${INK_SOURCES})
list(FILTER INK_CPU_KERNELS INCLUDE REGEX "/tensor/cpu/")
list(FILTER INK_SOURCES EXCLUDE REGEX "/tensor/cpu/")

# The CPU's kernels do not know whether there are others: one compilation for each Real serves all libraries.
function(ink_add_cpu_kernels real)
  set(name inkling_cpu_${real})
  if(NOT TARGET ${name})
    add_library(${name} OBJECT ${INK_CPU_KERNELS})
    target_compile_features(${name} PUBLIC cxx_std_20)
    set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
    target_compile_definitions(${name} PUBLIC INK_REAL=${real})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE OpenMP::OpenMP_CXX ink_flags)
  endif()
endfunction()

# Adds the library `name` for Real = `real`. Real is an alias in a header, so each choice is a library of its own.
# With `cuda` it calls kernels in cuda/, which whoever links a program adds: those for a GPU, or the emulated ones.
function(ink_add_core name real cuda)
  ink_add_cpu_kernels(${real})
  add_library(${name} STATIC ${INK_SOURCES} $<TARGET_OBJECTS:inkling_cpu_${real}>)
  target_compile_features(${name} PUBLIC cxx_std_20)
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  target_compile_definitions(${name} PUBLIC INK_REAL=${real} INK_CUDA=${cuda})
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
ink_add_core(inkling_core ${INK_REAL} ${INK_WITH_CUDA})
add_library(inkling INTERFACE)
target_link_libraries(inkling INTERFACE inkling_core)
set(INK_LIBRARIES inkling inkling_core)
if(INK_WITH_CUDA)
  ink_add_cuda_kernels(inkling_cuda ${INK_REAL} ${INK_CUDA_SOURCES})
  target_link_libraries(inkling INTERFACE inkling_cuda)
  list(APPEND INK_LIBRARIES inkling_cuda)
endif()
add_library(Inkling::inkling ALIAS inkling)
