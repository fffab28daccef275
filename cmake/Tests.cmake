# The test suite, once for every Real of INK_TEST_REALS: tests_float, tests_double. ctest runs a test per file.

file(GLOB INK_TEST_FILES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*.cpp)
file(GLOB INK_CUDA_TEST_FILES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/test_cuda_*.cpp ${PROJECT_SOURCE_DIR}/tests/test_emulator*.cpp)
file(GLOB INK_TEST_SUPPORT CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/support/*.cpp)

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
add_dependencies(tests programs)

# A sanitizer slows a test about fourfold.
set(INK_TEST_TIMEOUT 300)
if(INK_SANITIZE OR INK_COVERAGE)
  set(INK_TEST_TIMEOUT 900)
endif()
# Tests run beside each other: a waiting thread must sleep, not spin on another test's core.
set(INK_TEST_ENVIRONMENT OMP_WAIT_POLICY=passive INK_BUILD_DIR=${PROJECT_BINARY_DIR})

# Adds the binary tests_<real> and a ctest for each of its files.
function(ink_add_tests real)
  set(name tests_${real})
  set(suffix)
  if(NOT real STREQUAL INK_REAL)
    set(suffix _${real})
    ink_add_library(inkling${suffix} ${real})
    ink_add_app_support(inkling_apps${suffix} inkling${suffix})
    ink_add_op_table(inkling_op_table${suffix} inkling${suffix})
    ink_add_ladder(inkling_ladder${suffix} inkling${suffix})
  endif()
  add_executable(${name} ${INK_TEST_FILES} ${INK_TEST_SUPPORT})
  target_link_libraries(${name} PRIVATE inkling_apps${suffix} inkling_op_table${suffix} inkling_ladder${suffix}
                        inkling_emulated_${real} doctest::doctest nlohmann_json::nlohmann_json stb::stb ink_flags)
  target_compile_definitions(${name} PRIVATE INK_BUILD_DIR="${PROJECT_BINARY_DIR}")
  # The tests' own code need not be fast, but quick to compile: -O1 takes about half the time.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  add_dependencies(tests ${name})

  # The kernels of cuda/ alone, for those who write one.
  add_executable(tests_cuda_${real} EXCLUDE_FROM_ALL tests/main.cpp ${INK_CUDA_TEST_FILES})
  target_link_libraries(tests_cuda_${real} PRIVATE inkling${suffix} inkling_emulated_${real} doctest::doctest ink_flags)
  target_compile_options(tests_cuda_${real} PRIVATE $<$<CONFIG:Release>:-O1>)

  foreach(file IN LISTS INK_TEST_FILES INK_TEST_SUPPORT)
    file(STRINGS ${file} cases REGEX "TEST_CASE")
    if(cases)
      cmake_path(GET file FILENAME base)
      cmake_path(GET file STEM stem)
      add_test(NAME ${real}/${stem} COMMAND ${name} --source-file=*/${base})
      # A filter that matches nothing is a mistake, not a success.
      set_tests_properties(${real}/${stem} PROPERTIES TIMEOUT ${INK_TEST_TIMEOUT}
        ENVIRONMENT "${INK_TEST_ENVIRONMENT}" FAIL_REGULAR_EXPRESSION "test cases: +0 ")
    endif()
  endforeach()
endfunction()

if(INK_TEST_FILES)
  foreach(real IN LISTS INK_TEST_REALS)
    ink_add_tests(${real})
  endforeach()
endif()

# Adds a ctest for every test_*.sh of a folder of tests/; such a script skips itself by ending with status 77.
function(ink_add_shell_tests folder)
  file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${folder}/test_*.sh)
  foreach(file IN LISTS files)
    cmake_path(GET file STEM stem)
    add_test(NAME ${folder}/${stem} COMMAND bash ${file} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${folder}/${stem} PROPERTIES TIMEOUT ${INK_TEST_TIMEOUT} SKIP_RETURN_CODE 77
                         ENVIRONMENT "${INK_TEST_ENVIRONMENT}")
  endforeach()
endfunction()

# The programs, run from outside.
ink_add_shell_tests(programs)

# The scripts, and a project that knows Inkling only through find_package: what a sanitizer would see twice.
if(NOT INK_SANITIZE AND NOT INK_COVERAGE)
  ink_add_shell_tests(scripts)
  add_test(NAME consumer COMMAND ${CMAKE_COMMAND} -DBUILD_DIR=${PROJECT_BINARY_DIR}
           -DCXX_COMPILER=${CMAKE_CXX_COMPILER} -DCONFIG=$<CONFIG>
           -P ${PROJECT_SOURCE_DIR}/tests/consumer/run.cmake)
  set_tests_properties(consumer PROPERTIES TIMEOUT ${INK_TEST_TIMEOUT})
endif()
