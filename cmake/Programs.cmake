# One program per file of apps/, and the benchmark. `programs` builds them all.

file(GLOB INK_APP_SUPPORT CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/apps/support/*.cpp
     ${PROJECT_SOURCE_DIR}/apps/figures/*.cpp)
file(GLOB INK_APPS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/apps/*.cpp)
file(GLOB INK_BENCHES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/*.cpp)
file(GLOB INK_OP_TABLE CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/support/op_table/*.cpp)

# Adds the library `name` of what the programs share, on top of the library `base`. It knows where the source tree is:
# data/mnist is the default data.
function(ink_add_app_support name base)
  if(INK_APP_SUPPORT)
    set(scope PUBLIC)
    add_library(${name} STATIC ${INK_APP_SUPPORT})
    # Options and reports need not be fast, but quick to compile.
    target_link_libraries(${name} PRIVATE ink_flags ink_slow_code)
    ink_precompile(${name})
  else()
    set(scope INTERFACE)
    add_library(${name} INTERFACE)
  endif()
  target_link_libraries(${name} ${scope} ${base} CLI11::CLI11 nlohmann_json::nlohmann_json)
  target_compile_definitions(${name} ${scope} INK_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
endfunction()

# Adds the library `name` of the op table, from which the tests and the benchmark are made.
function(ink_add_op_table name base)
  if(INK_OP_TABLE)
    add_library(${name} STATIC ${INK_OP_TABLE})
    target_link_libraries(${name} PUBLIC ${base} PRIVATE ink_flags)
    ink_precompile(${name})
  else()
    add_library(${name} INTERFACE)
  endif()
endfunction()

ink_add_app_support(inkling_apps inkling_core)
ink_add_op_table(inkling_op_table inkling_core)
add_custom_target(programs)

# Adds the program `name` of the given sources; `libraries` is a list that stands before the library itself.
function(ink_add_program name libraries)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE ${libraries} inkling_apps inkling ink_flags)
  add_dependencies(programs ${name})
endfunction()

foreach(app IN LISTS INK_APPS)
  cmake_path(GET app STEM name)
  ink_add_program(${name} "" ${app})
endforeach()

# The rungs of the ladder of chapter 10, for its program and its test.
function(ink_add_ladder name base)
  add_library(${name} STATIC ${PROJECT_SOURCE_DIR}/bench/ladder/conv2d.cpp)
  target_link_libraries(${name} PUBLIC ${base} PRIVATE ink_flags)
endfunction()

ink_add_ladder(inkling_ladder inkling_core)
ink_add_program(ladder inkling_ladder bench/ladder/main.cpp bench/peak.cpp)

# That of chapter 11.
if(INK_WITH_CUDA)
  ink_add_cuda_kernels(inkling_gpu_ladder ${INK_REAL} ${INK_GPU_LADDER})
  ink_add_program(gpu_ladder inkling_gpu_ladder bench/ladder/gpu/main.cpp)
endif()

if(INK_BENCHES)
  ink_add_program(bench_inkling inkling_op_table ${INK_BENCHES})
  # A yardstick, where it is installed.
  find_package(dnnl CONFIG QUIET)
  if(dnnl_FOUND)
    target_link_libraries(bench_inkling PRIVATE DNNL::dnnl)
    target_compile_definitions(bench_inkling PRIVATE INK_ONEDNN)
  endif()
endif()
