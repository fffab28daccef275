#!/usr/bin/env bash
# `make check`: every gate in turn, all of them even when one fails.
set -uo pipefail
cd "$(dirname "$0")/.."

failed=()
gate() {
  local name=$1 started=$SECONDS
  shift
  if "$@"; then
    echo "✓ $name ($((SECONDS - started)) s)"
  else
    echo "✗ $name"
    failed+=("$name")
  fi
}

gate format scripts/check_format.sh
gate layers scripts/check_layers.py
gate tags scripts/check_tags.py
gate snippets scripts/check_snippets.py
gate lengths scripts/check_lengths.py
gate clang-tidy scripts/check_tidy.py

if [ ${#failed[@]} -gt 0 ]; then
  echo "make check: failed: ${failed[*]}"
  exit 1
fi
echo "make check: all good"
