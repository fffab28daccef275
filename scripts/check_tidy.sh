#!/usr/bin/env bash
# Runs clang-tidy (see .clang-tidy) over the sources that the release build compiles.
#
#   scripts/check_tidy.sh [FILE...]     only these files, given from the root of the repository
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p build/tidy
if ! cmake --preset release -B build/tidy -DINK_TESTS=ON -DINK_TEST_REALS=float >build/tidy/configure.log 2>&1; then
  cat build/tidy/configure.log
  exit 1
fi

# Each file once, though the double build would compile it again.
list() {
  python3 - "$@" <<'PYTHON'
import json, os, sys
root = os.getcwd()
files = sorted({entry["file"] for entry in json.load(open("build/tidy/compile_commands.json"))})
wanted = {os.path.abspath(path) for path in sys.argv[1:]}
for path in files:
    if path.startswith(root + os.sep) and (not wanted or path in wanted):
        print(path, end="\0")
PYTHON
}

# Largest first would be fairer, but the files are alike: one at a time, on every core.
list "$@" | xargs -0 -r -n 1 -P "$(getconf _NPROCESSORS_ONLN)" \
  clang-tidy -p build/tidy --quiet --extra-arg=-Wno-unknown-warning-option 2>build/tidy/stderr.log
