# The test suite, once for every Real of INK_TEST_REALS: tests_float, tests_double. ctest runs a test per file.

file(GLOB INK_TEST_FILES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*.cpp)
file(GLOB INK_TEST_SUPPORT CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/support/*.cpp)
# Those that include the CUDA runtime's header, of which the emulator has one of its own.
set(INK_EMULATOR_TESTS ${INK_TEST_FILES})
list(FILTER INK_EMULATOR_TESTS INCLUDE REGEX "/test_emulator[^/]*$")
set(INK_CUDA_TESTS ${INK_TEST_FILES} ${INK_TEST_SUPPORT})
list(FILTER INK_CUDA_TESTS INCLUDE REGEX "/(test_cuda_[^/]*|schedules.cpp)$")
set(INK_COMMON_TESTS ${INK_TEST_FILES} ${INK_TEST_SUPPORT})
list(REMOVE_ITEM INK_COMMON_TESTS ${INK_EMULATOR_TESTS} ${INK_CUDA_TESTS} ${PROJECT_SOURCE_DIR}/tests/main.cpp)

if(INK_TESTS STREQUAL "OFF")
  return()
endif()
find_package(doctest QUIET)
if(NOT doctest_FOUND)
  if(INK_TESTS STREQUAL "ON")
    message(FATAL_ERROR "Not found: doctest.\n`make test` installs what is missing; "
            "`scripts/install_deps.sh --print test` prints the command.")
  endif()
  return()
endif()

enable_testing()
add_subdirectory(cuda/emulator)
add_custom_target(tests)

# A sanitizer slows a test about fourfold. It is not shown the programs that no test runs.
if(INK_SANITIZE OR INK_COVERAGE)
  set(INK_TEST_TIMEOUT 900)
  add_dependencies(tests train_mnist sample)
else()
  set(INK_TEST_TIMEOUT 300)
  add_dependencies(tests programs)
endif()
# An emulated processor is slower still.
if(CMAKE_CROSSCOMPILING)
  set(INK_TEST_TIMEOUT 900)
endif()
# Tests run beside each other: a waiting thread must sleep, not spin on another test's core.
set(INK_TEST_ENVIRONMENT OMP_WAIT_POLICY=passive INK_BUILD_DIR=${PROJECT_BINARY_DIR})

# The tests that take longest start first (COST), lest the others have ended when one of them begins.
set(INK_LONG_TESTS test_op_gradients test_op_devices test_training_devices test_apps_training)

# The libraries of the tests for `real`: the product's own where it has CUDA, else with CUDA for the emulator.
function(ink_add_test_libraries real suffix)
  if(suffix)
    ink_add_core(inkling_core${suffix} ${real} 1)
    ink_add_app_support(inkling_apps${suffix} inkling_core${suffix})
    ink_add_op_table(inkling_op_table${suffix} inkling_core${suffix})
    ink_add_ladder(inkling_ladder${suffix} inkling_core${suffix})
  endif()
  add_library(inkling_tests_${real} OBJECT ${INK_COMMON_TESTS})
  # The kernels that the core calls come after it.
  target_link_libraries(inkling_tests_${real} PUBLIC
    inkling_apps${suffix} inkling_op_table${suffix} inkling_ladder${suffix} inkling_core${suffix}
    doctest::doctest nlohmann_json::nlohmann_json stb::stb ink_test_flags)
  ink_precompile(inkling_tests_${real} <doctest/doctest.h>)
endfunction()

# The tests' own code need not be fast, but quick to compile: -O1 takes about half the time.
add_library(ink_test_flags INTERFACE)
target_link_libraries(ink_test_flags INTERFACE ink_flags ink_slow_code)
target_compile_definitions(ink_test_flags INTERFACE INK_BUILD_DIR="${PROJECT_BINARY_DIR}")

# Adds the binary tests_<real>, whose kernels of cuda/ run in the emulator, and a ctest for each of its files.
function(ink_add_tests real)
  set(name tests_${real})
  set(suffix)
  if(NOT real STREQUAL INK_REAL OR NOT INK_WITH_CUDA)
    set(suffix _test_${real})
  endif()
  ink_add_test_libraries(${real} "${suffix}")
  add_executable(${name} tests/main.cpp ${INK_CUDA_TESTS} ${INK_EMULATOR_TESTS})
  target_link_libraries(${name} PRIVATE inkling_tests_${real} inkling_emulated_${real})
  add_dependencies(tests ${name})

  # Which kernels ran, from all of these tests together.
  set(record ${PROJECT_BINARY_DIR}/launched_kernels_${real}.txt)
  add_test(NAME ${real}/before_all COMMAND ${CMAKE_COMMAND} -E rm -f ${record})
  set_tests_properties(${real}/before_all PROPERTIES FIXTURES_SETUP launches_${real})
  set(names)
  foreach(file IN LISTS INK_TEST_FILES INK_TEST_SUPPORT)
    file(STRINGS ${file} cases REGEX "TEST_CASE")
    if(cases)
      cmake_path(GET file FILENAME base)
      cmake_path(GET file STEM stem)
      list(APPEND names ${real}/${stem})
      add_test(NAME ${real}/${stem} COMMAND ${name} --source-file=*/${base})
      # A filter that matches nothing is a mistake, not a success.
      set_tests_properties(${real}/${stem} PROPERTIES TIMEOUT ${INK_TEST_TIMEOUT}
        ENVIRONMENT "${INK_TEST_ENVIRONMENT};INK_LAUNCHED_KERNELS=${record}" FIXTURES_REQUIRED launches_${real}
        FAIL_REGULAR_EXPRESSION "test cases: +0 ")
      if(stem IN_LIST INK_LONG_TESTS)
        set_tests_properties(${real}/${stem} PROPERTIES COST 100)
      endif()
    endif()
  endforeach()
  add_test(NAME ${real}/launched_kernels COMMAND bash tests/cuda/launched_kernels.sh $<TARGET_FILE:${name}> ${record}
           WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${real}/launched_kernels PROPERTIES DEPENDS "${names}" FIXTURES_REQUIRED launches_${real})
endfunction()

# It holds doctest's implementation.
set_source_files_properties(${PROJECT_SOURCE_DIR}/tests/main.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
if(INK_TEST_FILES)
  foreach(real IN LISTS INK_TEST_REALS)
    ink_add_tests(${real})
  endforeach()
endif()

# The same tests, with the kernels on the GPU. Without one they are skipped.
if(INK_WITH_CUDA AND INK_REAL IN_LIST INK_TEST_REALS)
  add_executable(tests_gpu tests/gpu/main.cpp ${INK_CUDA_TESTS})
  target_link_libraries(tests_gpu PRIVATE inkling_tests_${INK_REAL} inkling_gpu_ladder inkling_cuda)
  add_dependencies(tests tests_gpu)
  add_test(NAME gpu/${INK_REAL} COMMAND tests_gpu)
  set_tests_properties(gpu/${INK_REAL} PROPERTIES TIMEOUT 900 SKIP_RETURN_CODE 77 ENVIRONMENT "${INK_TEST_ENVIRONMENT}")
endif()

# Adds a ctest for every test_*.sh of a folder of tests/; such a script skips itself by ending with status 77.
function(ink_add_shell_tests folder)
  file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${folder}/test_*.sh)
  foreach(file IN LISTS files)
    cmake_path(GET file STEM stem)
    add_test(NAME ${folder}/${stem} COMMAND bash ${file} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${folder}/${stem} PROPERTIES TIMEOUT ${INK_TEST_TIMEOUT} SKIP_RETURN_CODE 77 COST 100
                         ENVIRONMENT "${INK_TEST_ENVIRONMENT}")
  endforeach()
endfunction()

# What follows calls programs by their names, and those of a cross build do not run here.
if(CMAKE_CROSSCOMPILING)
  return()
endif()

# The programs, run from outside.
ink_add_shell_tests(programs)
if(INK_SANITIZE OR INK_COVERAGE)
  # They draw what tests of their own look at.
  set_tests_properties(programs/test_figures PROPERTIES DISABLED ON)
endif()

# The scripts, and a project that knows Inkling only through find_package: what a sanitizer would see twice.
if(NOT INK_SANITIZE AND NOT INK_COVERAGE)
  ink_add_shell_tests(scripts)
  add_test(NAME consumer COMMAND ${CMAKE_COMMAND} -DBUILD_DIR=${PROJECT_BINARY_DIR}
           -DCXX_COMPILER=${CMAKE_CXX_COMPILER} -DCONFIG=$<CONFIG>
           -P ${PROJECT_SOURCE_DIR}/tests/consumer/run.cmake)
  set_tests_properties(consumer PROPERTIES TIMEOUT ${INK_TEST_TIMEOUT} COST 100)
endif()
