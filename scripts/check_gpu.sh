#!/usr/bin/env bash
# On a machine with a GPU: the tests there, compute-sanitizer over them, and the timings beside PyTorch.
#
#   scripts/check_gpu.sh [--minutes 25] [--only correct|fast] [--programs FOLDER] [--python PYTHON] [--out FOLDER]
#
# Everything ends within the minutes: a stage that takes longer is cut off and named. Logs and the tables of
# docs/performance.md lie in the folder (build/gpu). With --programs nothing is built: the programs in that folder, built
# elsewhere for this chip, are run. PYTHON has torch, diffusers and safetensors; without them the comparison is left out.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

minutes=25 python=python3 out=build/gpu programs=build only=all
usage="usage: scripts/check_gpu.sh [--minutes N] [--only correct|fast] [--programs FOLDER] [--python PYTHON] [--out FOLDER]"
while [ $# -gt 0 ]; do
  case $1 in
    --minutes) minutes=${2:-} ;;
    --only) only=${2:-} ;;
    --programs) programs=${2:-} ;;
    --python) python=${2:-} ;;
    --out) out=${2:-} ;;
    *) echo "$usage"; exit 2 ;;
  esac
  [ $# -ge 2 ] || { echo "$usage"; exit 2; }
  shift 2
done
[[ $minutes =~ ^[0-9]+$ && $only =~ ^(all|correct|fast)$ ]] || { echo "$usage"; exit 2; }
mkdir -p "$out"
end=$((SECONDS + 60 * minutes))
export out programs

# stage NAME AT_MOST_SECONDS COMMAND...: its output goes to the folder, its end to the screen. A name in `failures` is a
# stage that failed: stages may run at the same time.
failures=$out/failures
: >"$failures"
stage() {
  local name=$1 limit=$2 left=$((end - SECONDS)) started=$SECONDS status=0
  shift 2
  [ "$left" -lt "$limit" ] && limit=$left
  if [ "$limit" -lt 5 ]; then
    echo "– $name: no time left"
    echo "$name (no time left)" >>"$failures"
    return
  fi
  timeout "$limit" "$@" >"$out/$name.log" 2>&1 || status=$?
  case $status in
    0) echo "✓ $name ($((SECONDS - started)) s)" ;;
    77) echo "– $name: $(tail -n 1 "$out/$name.log")" ;;
    124) echo "✗ $name: cut off after $limit s" && echo "$name (cut off)" >>"$failures" ;;
    *)
      printf '✗ %s: see %s\n%s\n' "$name" "$out/$name.log" "$(tail -n 15 "$out/$name.log" | sed 's/^/    /')"
      echo "$name" >>"$failures"
      ;;
  esac
}

nvidia-smi --query-gpu=name,compute_cap,driver_version,memory.total --format=csv,noheader || {
  echo "no GPU on this machine"
  exit 1
}

if [ "$programs" = build ]; then
  cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DINK_CUDA=ON -DINK_TESTS=ON >"$out/configure.log" 2>&1 ||
    { echo "✗ configure: see $out/configure.log"; exit 1; }
  stage build 300 cmake --build build --parallel "$(scripts/jobs.sh)" \
    --target tests_gpu bench_inkling gpu_ladder train_mnist
fi

# ---- correct ---------------------------------------------------------------------------------------------------------

# Three runs of twenty steps, one of them without graphs: the same bits.
same_bits() {
  local run
  for run in first second no_graph; do
    local flags=()
    [ "$run" = no_graph ] && flags=(--no-graph)
    rm -rf "${out:?}/$run"
    "$programs/train_mnist" --device cuda --preset small --steps 20 --seed 5 --out "$out/$run" "${flags[@]}" || return 1
  done
  for run in second no_graph; do
    cmp "$out"/{first,$run}/checkpoint/diffusion_pytorch_model.safetensors || return 1
  done
}
export -f same_bits

# The stages disturb each other's times, which nobody reads here. compute-sanitizer slows a kernel ten- to a
# hundredfold: it sees the kernels' own tests.
check_correct() {
  local tool sanitizer
  export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$((($(nproc) + 3) / 4))}
  stage tests 240 "$programs/tests_gpu" --duration=true &
  stage same_bits 120 bash -c same_bits &
  sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
  if [ -z "$sanitizer" ]; then echo "– compute-sanitizer: not installed"; fi
  sanitize() { stage "$1" 240 "$sanitizer" --tool "$2" --error-exitcode 1 "$programs/tests_gpu" --duration=true "${@:3}" & }
  if [ -n "$sanitizer" ]; then
    for tool in memcheck initcheck synccheck; do sanitize "$tool" "$tool" --source-file='*/test_cuda_*'; done
    # The slowest tool, in two parts: kernels, and the step that is made of them.
    sanitize racecheck racecheck --source-file='*/test_cuda_*' --source-file-exclude='*/test_cuda_step*'
    sanitize racecheck_step racecheck --source-file='*/test_cuda_step*'
  fi
  wait
}

# ---- fast ------------------------------------------------------------------------------------------------------------

check_fast() {
  local table compare=("$python" bench/compare_torch.py --device cuda --binary "$programs/bench_inkling")
  stage steps 60 "$programs/bench_inkling" --device cuda
  stage ladder 30 "$programs/gpu_ladder"
  if "$python" -c 'import torch, diffusers, safetensors; assert torch.cuda.is_available()' 2>/dev/null; then
    stage compare 420 "${compare[@]}"
    stage compile_base 240 "${compare[@]}" --compile --precision tf32 --preset base
    stage compile_imagenet64 400 "${compare[@]}" --compile --precision tf32 --preset imagenet64
  else
    echo "– compare: $python has no torch with CUDA, diffusers and safetensors"
  fi
  for table in steps ladder compare compile_base compile_imagenet64; do
    [ -e "$out/$table.log" ] && { echo; echo "# $table"; cat "$out/$table.log"; }
  done
}

if [ "$only" != fast ]; then check_correct; fi
if [ "$only" != correct ]; then check_fast; fi

echo
if [ -s "$failures" ]; then
  echo "check_gpu: failed: $(paste -sd ' ' "$failures")"
  exit 1
fi
echo "check_gpu: all good in $SECONDS s"
