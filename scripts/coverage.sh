#!/usr/bin/env bash
# Runs the tests of the coverage build and prints the line coverage of the rooms that the design holds to 95 %.
set -euo pipefail
cd "$(dirname "$0")/.."

build=build/coverage
rooms=(tensor autograd nn diffusion)
least=95

find $build -name '*.gcda' -delete
ctest --test-dir $build --output-on-failure --no-tests=error --parallel "$(scripts/jobs.sh)"

# gcov must be the one of the compiler.
compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' $build/CMakeCache.txt)
if $compiler --version | grep -qi clang; then
  gcov="llvm-cov gcov"
else
  gcov=gcov-$($compiler -dumpversion | cut -d. -f1)
  command -v "$gcov" >/dev/null || gcov=gcov
fi

gcovr --root . --object-directory $build --gcov-executable "$gcov" --exclude-throw-branches \
  ${rooms[@]/#/--filter } --json $build/coverage.json $build >/dev/null
gcovr --root . --add-tracefile $build/coverage.json --txt

status=0
for room in "${rooms[@]}"; do
  gcovr --root . --add-tracefile $build/coverage.json --filter "$room/" --json-summary $build/$room.json
  percent=$(sed -n 's/.*"line_percent": *\([0-9.]*\).*/\1/p' $build/$room.json | tail -n 1)
  mark=✓
  if ! awk "BEGIN { exit !($percent >= $least) }"; then mark=✗ status=1; fi
  printf '%s %-10s %5.1f %% of its lines\n' $mark "$room" "$percent"
done
[ $status -eq 0 ] || echo "make coverage: below $least %"
exit $status
