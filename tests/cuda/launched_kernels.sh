#!/usr/bin/env bash
# Lists the kernels of cuda/ that no test has launched, and fails if there is one.
#
#   tests/cuda/launched_kernels.sh PROGRAM RECORD
#
# PROGRAM holds the kernels, each with the types it is instantiated for; RECORD begins its lines with the mangled
# names of those that ran (cuda/emulator/launches.h). A kernel's name is what follows `__global__ void` in a .cu or .cuh.
set -euo pipefail
program=$1 record=$2
cd "$(dirname "$0")/../.."

kernels=$(cat cuda/*.cu cuda/*.cuh | sed 's,//.*,,' | tr '\n' ' ' |
  grep -oE '__global__( +__launch_bounds__\([^;{]*\))? +void( +__launch_bounds__\([^;{]*\))? +[A-Za-z0-9_]+ *\(' |
  sed -E 's/ *\($//; s/.* //' | sort -u)
[ -n "$kernels" ] || { echo "no kernel found in cuda/"; exit 1; }

# In a mangled name an identifier stands behind its length.
pattern=$(for kernel in $kernels; do printf '|%s%s[^A-Za-z0-9_]?' ${#kernel} "$kernel"; done)
instances=$(nm --defined-only "$program" | awk '{print $3}' | grep -E '^_ZN3ink4cuda' | grep -E "${pattern:1}" |
  grep -vE '^_ZZ|^_ZGV|\.' | sort -u)
[ -n "$instances" ] || { echo "no kernel found in $program"; exit 1; }

launched=$(if [ -e "$record" ]; then cut -f1 "$record" | sort -u; fi)
never=$(comm -23 <(echo "$instances") <(echo "$launched"))
echo "$(wc -l <<<"$instances") kernels, counted with the types they are made for"
[ -z "$never" ] || { echo "never launched by a test:"; c++filt <<<"$never"; exit 1; }
