// The entry of the test binaries. ctest runs them file by file: tests_float
// --source-file=*/test_shape.cpp
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
