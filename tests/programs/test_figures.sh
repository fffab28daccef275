#!/usr/bin/env bash
# Runs figures and failures as a user does: all figures, one figure, one failure, and mistakes.
set -euo pipefail
figures=$INK_BUILD_DIR/figures failures=$INK_BUILD_DIR/failures train=$INK_BUILD_DIR/train_mnist
root=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

fail() {
  echo "FAILED: $1"
  exit 1
}

# Every figure that the pages show is drawn, and every drawn one is shown.
"$figures" --out drawn >printed
for shown in $(grep -rhoE 'figures/[a-z_0-9]+\.(svg|png)' "$root"/docs --include='*.md' | sort -u); do
  name=${shown#figures/}
  case $name in failure_*) continue ;; esac
  [ -s "drawn/$name" ] || fail "a page shows $name, which is not drawn"
done
for file in drawn/*; do
  name=$(basename "$file")
  grep -rqF "figures/$name" "$root"/docs --include='*.md' || fail "no page shows $name"
  grep -qF "$name" printed || fail "$name is not in what is printed"
done

"$figures" --out one --only bound >printed
[ "$(ls one)" = bound.svg ] || fail "--only bound drew: $(ls one)"
grep -q 'log p(x)\|bound: (' printed || fail "no numbers are printed"

status=0
"$figures" --out none --only nonsense >printed 2>complaint || status=$?
[ $status -eq 2 ] && grep -qF 'no figure nonsense' complaint || fail "an unknown figure: $status, $(cat complaint)"

# A failure of a network that has seen nothing yet: the picture is there, whatever it shows.
"$train" --preset tiny --steps 1 --out run >printed
"$failures" --checkpoint run --out wrong --only variance >printed
[ "$(ls wrong)" = failure_variance.png ] || fail "--only variance drew: $(ls wrong)"
status=0
"$failures" --checkpoint run --only nonsense >printed 2>complaint || status=$?
[ $status -eq 2 ] && grep -qF 'no failure nonsense' complaint || fail "an unknown failure: $status, $(cat complaint)"
status=0
"$failures" --checkpoint nowhere >printed 2>complaint || status=$?
[ $status -eq 1 ] && grep -qF nowhere complaint || fail "no checkpoint: $status, $(cat complaint)"
echo "figures and failures: all as expected"
