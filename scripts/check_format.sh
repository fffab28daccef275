#!/usr/bin/env bash
# Asks clang-format 14 whether every source file stands as .clang-format says; --fix makes it so.
#
#   scripts/check_format.sh [--fix] [ROOT]
set -euo pipefail

arguments=(--dry-run -Werror)
if [ "${1:-}" = --fix ]; then
  arguments=(-i)
  shift
fi
jobs=$("$(dirname "$0")/jobs.sh")
cd "${1:-$(dirname "$0")/..}"

format=clang-format
if command -v clang-format-14 >/dev/null; then format=clang-format-14; fi
version=$($format --version | grep -oE '[0-9]+' | head -n 1)

rooms=()
for room in tensor cuda io autograd nn diffusion apps tests bench; do
  if [ -d $room ]; then rooms+=($room); fi
done

report=$(mktemp)
trap 'rm -f "$report"' EXIT
status=0
find "${rooms[@]}" -type f \( -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' \) -print0 |
  xargs -0 -r -n 8 -P "$jobs" $format "${arguments[@]}" --style=file 2>"$report" || status=1

# One line per file: where it first departs from the style.
sed -n 's/^\([^ :]*:[0-9]*\):[0-9]*: error: .*/\1/p' "$report" | sort -t: -k1,1 -k2,2n | sort -t: -u -k1,1

# Other versions break lines at other places: what they say is advice.
if [ $status -ne 0 ] && [ "$version" != 14 ]; then
  echo "note: this is clang-format $version; the style is judged by version 14, so this does not count"
  exit 0
fi
[ $status -eq 0 ] || echo "make format mends it"
exit $status
