#!/usr/bin/env bash
# Builds and tests Inkling for machines and compilers other than this one's: presets of CMakePresets.json. It is not part
# of .ci/run: each takes as long as `make test`, and the Arm one, under qemu, longer.
#
#   scripts/test_portability.sh [PRESET...]      avx2, generic, clang, aarch64; all of them without arguments
#
# clang needs clang++ and libomp-dev; what aarch64 needs stands in cmake/aarch64-linux-gnu.cmake. A preset whose tools are
# missing is skipped, and said to be.
set -uo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=2

presets=("$@")
if [ $# -eq 0 ]; then presets=(avx2 generic clang aarch64); fi

missing_tool() {
  local tool tools=()
  case $1 in
    clang) tools=(clang++) ;;
    aarch64) tools=(aarch64-linux-gnu-g++ qemu-aarch64) ;;
  esac
  for tool in ${tools[@]+"${tools[@]}"}; do
    command -v "$tool" >/dev/null || { echo "$tool" && return; }
  done
}

can_run() { [ "$1" != avx2 ] || grep -qw avx2 /proc/cpuinfo; }

results=()
status=0
for preset in "${presets[@]}"; do
  echo "==> $preset"
  missing=$(missing_tool "$preset")
  if [ -n "$missing" ]; then
    results+=("- $preset: skipped, there is no $missing")
  elif ! can_run "$preset"; then
    results+=("- $preset: skipped, this machine has no AVX2")
  elif scripts/build.sh "$preset" tests && ctest --preset "$preset" --parallel "$(scripts/jobs.sh)"; then
    results+=("✓ $preset")
  else
    results+=("✗ $preset")
    status=1
  fi
done

printf '%s\n' '' "${results[@]}"
exit $status
