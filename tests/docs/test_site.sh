#!/usr/bin/env bash
# Opens the site of `make docs` in a headless browser, then plants a fault of every kind and sees it caught.
#
#   tests/docs/test_site.sh [SITE]
set -euo pipefail
cd "$(dirname "$0")/../.."
site=${1:-build/docs}
status=0
tests/docs/check_site.py "$site" || status=1
tests/docs/test_faults.py "$site" || status=1
exit $status
