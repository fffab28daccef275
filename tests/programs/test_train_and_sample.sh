#!/usr/bin/env bash
# Runs train_mnist and sample as a user does: mistakes, signals, kills, and what is on the disk afterwards.
set -euo pipefail
set -m # jobs of their own, to which Ctrl-C can be sent
train=$INK_BUILD_DIR/train_mnist sample=$INK_BUILD_DIR/sample
mnist=$PWD/data/mnist
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
count=0

fail() {
  echo "FAILED: $1"
  exit 1
}

# Runs a program that must end with status $1, and whose one line of complaint must hold $2.
refuse() {
  local status=0 expected=$1 words=$2
  shift 2
  "$@" >stdout 2>stderr || status=$?
  count=$((count + 1))
  [ "$status" -eq "$expected" ] || fail "$*: expected status $expected, got $status: $(cat stderr)"
  [ "$(wc -l <stderr)" -eq 1 ] || fail "$*: expected one line, got: $(cat stderr)"
  grep -qF -- "$words" stderr || fail "$*: expected '$words' in: $(cat stderr)"
}

# ---- data: 200 images of 8 x 8, cut out of MNIST's bytes -----------------------------------------
mkdir small
cut_out() { gunzip -c "$mnist/$1" 2>/dev/null | tail -c "+$2" | head -c "$3" || true; } # a pipe that ends early
{ printf '\0\0\010\003\0\0\0\310\0\0\0\010\0\0\0\010'; cut_out train-images-idx3-ubyte.gz 2000017 12800; } \
  >small/train-images-idx3-ubyte
{ printf '\0\0\010\001\0\0\0\310'; cut_out train-labels-idx1-ubyte.gz 9 200; } >small/train-labels-idx1-ubyte
tiny=("$train" --preset tiny --data small --threads 2)

# ---- mistakes: nothing is done, nothing is left --------------------------------------------------
refuse 2 '--steps' "${tiny[@]}" --steps 0
refuse 2 '--epochs' "${tiny[@]}" --steps 5 --epochs 5
refuse 2 '--lr' "${tiny[@]}" --lr -1
refuse 2 '--batch' "${tiny[@]}" --batch 0
refuse 2 '--threads' "$train" --threads 100000
refuse 2 '--help' "$train" --sloppy
refuse 1 'use --device cpu or auto' env CUDA_VISIBLE_DEVICES= "${tiny[@]}" --device cuda
refuse 1 'nowhere' "$train" --preset tiny --data nowhere
refuse 1 'nowhere' "$train" --preset tiny --images nowhere
touch file
refuse 1 'file' "${tiny[@]}" --steps 1 --out file/run
refuse 1 'holds no run' "${tiny[@]}" --resume --out nowhere
refuse 1 'there is no run in runs/' "${tiny[@]}" --resume
refuse 1 'there is no run in runs/' "$sample"
refuse 1 'holds no checkpoint' "$sample" --checkpoint small
refuse 2 '--count' "$sample" --count 0
refuse 2 '--guidance' "$sample" --guidance -1
[ ! -e runs ] || fail "a refused run left a folder behind"

# Data that are cut short, swapped, of another kind, or of a size that cannot be halved.
for kind in short swapped wrong odd; do cp -r small $kind; done
head -c 5000 small/train-images-idx3-ubyte >short/train-images-idx3-ubyte
cp small/train-labels-idx1-ubyte swapped/train-images-idx3-ubyte
head -c 12816 /dev/zero >wrong/train-images-idx3-ubyte
{ printf '\0\0\010\003\0\0\0\310\0\0\0\007\0\0\0\007'; head -c 9800 /dev/zero; } >odd/train-images-idx3-ubyte
for kind in short swapped wrong; do
  refuse 1 "$kind/train-images-idx3-ubyte" "$train" --preset tiny --data $kind --steps 1
done
refuse 1 'multiple of 2' "$train" --preset tiny --data odd --steps 1

# ---- a whole run ---------------------------------------------------------------------------------
"${tiny[@]}" --steps 300 --out whole >log || fail "the run failed"
for file in report.html samples.png denoising.png checkpoint/config.json grids/step_0000300.png \
  checkpoint/diffusion_pytorch_model.safetensors checkpoint/training.safetensors \
  checkpoint/guide/config.json checkpoint/guide/diffusion_pytorch_model.safetensors; do
  [ -s "whole/$file" ] || fail "the run left no $file"
done
grep -q 'mean loss of the last 100 steps' log || fail "no loss in: $(cat log)"
refuse 1 'holds a run already' "${tiny[@]}" --steps 300 --out whole
refuse 1 'has ended after 300 steps' "$train" --resume --out whole
refuse 2 'more' "$train" --resume --steps 200 --out whole
refuse 2 'began with' "$train" --resume --steps 400 --out whole --batch 8
refuse 1 'other images' "$train" --resume --steps 400 --out whole --data "$mnist"

# The bytes of the tensors in a safetensors file: what follows the header.
tensors() { tail -c "+$(($(od -An -t u8 -N 8 "$1") + 9))" "$1"; }

# The counters but for the times, and all tensors, are those of the run that never stopped.
same_as_whole() {
  local file=$1/checkpoint/training.safetensors counters='"step\\":.*images_seen\\":[0-9]*'
  cmp -s "whole/checkpoint/diffusion_pytorch_model.safetensors" \
    "$1/checkpoint/diffusion_pytorch_model.safetensors" || fail "$1: other weights than the whole run's"
  cmp -s <(tensors whole/checkpoint/training.safetensors) <(tensors "$file") ||
    fail "$1: another state than the whole run's"
  [ "$(head -c 20000 "$file" | grep -ao "$counters")" = \
    "$(head -c 20000 whole/checkpoint/training.safetensors | grep -ao "$counters")" ] ||
    fail "$1: other counters than the whole run's"
}

# ---- Ctrl-C saves, and --resume goes on as if nothing had been -----------------------------------
# Waits until the run in $1 has written a checkpoint.
started() {
  for _ in $(seq 1200); do
    [ ! -e "$1/checkpoint/diffusion_pytorch_model.safetensors" ] || return 0
    sleep 0.05
  done
  fail "$1 did not start"
}

for signal in INT TERM; do
  "${tiny[@]}" --steps 300 --out $signal >log &
  run=$!
  started $signal
  kill -$signal $run
  status=0 expected=130
  wait $run || status=$?
  if [ $signal = TERM ]; then expected=143; fi
  [ $status -eq $expected ] || fail "$signal: expected status $expected, got $status: $(cat log)"
  grep -q -- "--resume --out $signal" log || fail "$signal: no word on how to go on: $(cat log)"
  "$train" --resume --out $signal --threads 3 >log || fail "$signal: cannot go on"
  same_as_whole $signal
done

# ---- threads that wait sleep, unless the user wants it otherwise ----------------------------------
for choice in GOMP_SPINCOUNT=3000 OMP_WAIT_POLICY=passive; do
  variable=${choice%=*}
  env -u OMP_WAIT_POLICY ${choice/GOMP*/} "${tiny[@]}" --steps 300 --out $variable >log &
  run=$!
  started $variable
  [ "$(tr '\0' '\n' </proc/$run/environ | grep -E '^(GOMP|OMP_WAIT)')" = $choice ] || fail "expected $choice"
  kill -INT $run
  wait $run || true
done

# ---- kill -9 at any moment leaves a checkpoint that loads ----------------------------------------
"${tiny[@]}" --steps 300 --save-every 0 --out killed >log &
run=$!
started killed
for delay in 0.05 0.11 0.23 0.02 0.17; do
  sleep $delay
  kill -9 $run 2>/dev/null || true
  wait $run 2>/dev/null || true
  "$sample" --checkpoint killed --count 1 --steps 1 --out "after-$delay" >/dev/null || fail "killed: cannot sample"
  "$train" --resume --save-every 0 --threads 1 --out killed >log 2>&1 &
  run=$!
done
wait $run || grep -q 'has ended' log || fail "killed: cannot go on: $(cat log)"
same_as_whole killed
! ls killed/checkpoint/*.tmp-* 2>/dev/null || fail "half-written files were left"

# ---- more of a run that has ended, and gradient accumulation -------------------------------------
cp -r whole longer
"$train" --resume --steps 310 --out longer >log || fail "cannot make a run longer"
grep -q '310 steps' log || fail "the longer run is not longer: $(cat log)"
"${tiny[@]}" --steps 3 --batch 4 --accumulate 3 --out runs/accumulated >log || fail "cannot accumulate"

# ---- a loss that is not finite -------------------------------------------------------------------
refuse 1 'is kept' "${tiny[@]}" --lr 1e30 --steps 50 --out diverged
grep -qE 'at step [0-9]+: .*\.(weight|bias)\[' stderr || fail "no step or parameter in: $(cat stderr)"
"$sample" --checkpoint diverged --count 1 --steps 1 --out kept >/dev/null || fail "diverged: the checkpoint is lost"

# ---- a folder that cannot take the files ---------------------------------------------------------
refuse 1 'training.safetensors' bash -c 'trap "" XFSZ; ulimit -f 100; exec "$@"' - "${tiny[@]}" --steps 5 --out full

# ---- sample --------------------------------------------------------------------------------------
"$sample" --count 3 --steps 5 --seed 4 --out three >/dev/null || fail "cannot sample the last run"
[ "$(ls three)" = "$(printf '%s\n' grid.png sample_000.png sample_001.png sample_002.png strip.png)" ] ||
  fail "unexpected files: $(ls three)"
refuse 1 'holds samples already' "$sample" --count 3 --steps 5 --out three
"$sample" --count 3 --steps 5 --seed 4 --threads 1 --out again >/dev/null
cmp three/sample_002.png again/sample_002.png || fail "the same seed drew another picture"
"$sample" --count 1 --steps 2 >/dev/null && "$sample" --count 1 --steps 2 >/dev/null
"$sample" --checkpoint whole --count 1 --steps 2 --out guided >log
grep -q 'guidance 2.5' log || fail "the guide is not used: $(cat log)"
"$sample" --checkpoint whole --count 1 --steps 2 --guidance 1 --out alone >/dev/null
! cmp -s guided/sample_0.png alone/sample_0.png || fail "guidance changes nothing"
refuse 1 'holds no guide' "$sample" --checkpoint whole/checkpoint/guide --guidance 2
for folder in samples samples-2; do [ -s $folder/grid.png ] || fail "the default folders are not numbered"; done

echo "$count refusals, and what must not be lost was not"
