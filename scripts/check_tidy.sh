#!/usr/bin/env bash
# Runs clang-tidy (see .clang-tidy) over every source of Inkling that a build compiles, but for the tests: they would
# take half of the time, and their mistakes show when they run.
#
#   scripts/check_tidy.sh [ROOT]      ROOT/compile_commands.json lists the sources if there is one; else they are listed
#                                     by configuring a build of their own in build/tidy
set -euo pipefail
jobs=$("$(dirname "$0")/jobs.sh")
cd "${1:-$(dirname "$0")/..}"

commands=.
if [ ! -e compile_commands.json ]; then
  commands=build/tidy
  mkdir -p $commands
  if ! cmake --preset release -B $commands -DINK_TESTS=ON -DINK_TEST_REALS=float \
    -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >$commands/configure.log 2>&1; then
    cat $commands/configure.log
    exit 1
  fi
fi

# One file at a time on every core; clang's count of the warnings in other people's headers is of no interest.
python3 - $commands/compile_commands.json <<'PYTHON' |
import json, os, sys
entries = json.load(open(sys.argv[1]))
paths = {os.path.realpath(os.path.join(entry["directory"], entry["file"])) for entry in entries}
tests = os.path.join(os.getcwd(), "tests", "test_")
for path in sorted(path for path in paths if not path.startswith(tests)):
    print(path, end="\0")
PYTHON
  xargs -0 -r -n 1 -P "$jobs" bash -c '
    output=$(clang-tidy -p "$0" --quiet --extra-arg=-Wno-unknown-warning-option "$1" 2>&1) && exit
    grep -vE "^([0-9]+ warnings? (generated|treated)|Suppressed)" <<<"$output"
    exit 1' $commands || exit 1
