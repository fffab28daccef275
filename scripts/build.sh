#!/usr/bin/env bash
# Configures a preset and builds a target of it: the banner, one line of progress, and the compiler's words only when
# it fails. V=1 shows everything.
#
#   scripts/build.sh PRESET TARGET [CMAKE OPTIONS]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=$1 target=$2
shift 2
unset MAKEFLAGS MFLAGS MAKELEVEL # this build shares nothing with the make that called it
jobs=$(scripts/jobs.sh)

folder=build
if [ "$preset" != release ]; then folder=build/$preset; fi
mkdir -p "$folder"
log=$folder/build.log

if [ -n "${V:-}" ]; then
  cmake --preset "$preset" "$@"
  cmake --build "$folder" --target "$target" --parallel "$jobs"
  exit 0
fi

# CMake sends the banner and its warnings to stderr, its own chatter to stdout.
cmake --preset "$preset" "$@" 2>&1 >"$log"

# Show the last step of the log on one line that is written over and over (only on a terminal).
show_progress() {
  local step
  while sleep 0.5; do
    step=$(tail -n 1 "$log" | cut -c 1-90)
    printf '\r\033[K  %s' "$step"
  done
}

progress=
if [ -t 1 ]; then
  show_progress &
  progress=$!
fi
status=0
cmake --build "$folder" --target "$target" --parallel "$jobs" >"$log" 2>&1 || status=$?
if [ -n "$progress" ]; then
  kill "$progress" 2>/dev/null || true
  wait "$progress" 2>/dev/null || true
  printf '\r\033[K'
fi

if [ $status -ne 0 ]; then
  grep -vE '^(\[ *[0-9]+[%/]|Consolidate|Scanning)' "$log" >&2 || true
  echo "The build of '$target' failed; the whole log is in $log." >&2
  exit $status
fi
