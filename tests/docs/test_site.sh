#!/usr/bin/env bash
# Opens the site of `make docs` in a headless browser; beside it plants a fault of every kind in another, and sees it
# caught.
#
#   tests/docs/test_site.sh [SITE]
set -euo pipefail
cd "$(dirname "$0")/../.."
site=${1:-build/docs}
status=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

tests/docs/test_faults.py "$site" >"$log" 2>&1 &
tests/docs/check_site.py "$site" || status=1
wait $! || status=1
cat "$log"
exit $status
