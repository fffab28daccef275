#!/usr/bin/env bash
# On a machine with a GPU: the tests there, compute-sanitizer over them, and the timings beside PyTorch.
#
#   scripts/check_gpu.sh [--minutes 15] [--python PYTHON] [--out FOLDER]
#
# Everything ends within the minutes: a stage that takes longer is cut off and named. Logs and the tables of
# docs/performance.md lie in the folder (build/gpu). PYTHON has torch, diffusers and safetensors; without them the
# comparison is left out.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

minutes=15 python=python3 out=build/gpu
while [ $# -gt 0 ]; do
  case $1 in
    --minutes) minutes=$2 ;;
    --python) python=$2 ;;
    --out) out=$2 ;;
    *) echo "usage: scripts/check_gpu.sh [--minutes N] [--python PYTHON] [--out FOLDER]"; exit 2 ;;
  esac
  shift 2
done
mkdir -p "$out"
end=$((SECONDS + 60 * minutes))
failed=()

# stage NAME AT_MOST_SECONDS COMMAND...: its output goes to the folder, its end to the screen.
stage() {
  local name=$1 limit=$2 left=$((end - SECONDS)) started=$SECONDS status=0
  shift 2
  [ "$left" -lt "$limit" ] && limit=$left
  if [ "$limit" -lt 5 ]; then
    echo "– $name: no time left"
    failed+=("$name (no time left)")
    return
  fi
  timeout "$limit" "$@" >"$out/$name.log" 2>&1 || status=$?
  case $status in
    0) echo "✓ $name ($((SECONDS - started)) s)" ;;
    77) echo "– $name: $(tail -n 1 "$out/$name.log")" ;;
    124) echo "✗ $name: cut off after $limit s"; failed+=("$name (cut off)") ;;
    *) echo "✗ $name: see $out/$name.log"; failed+=("$name"); tail -n 15 "$out/$name.log" | sed 's/^/    /' ;;
  esac
}

nvidia-smi --query-gpu=name,compute_cap,driver_version,memory.total --format=csv,noheader || {
  echo "no GPU on this machine"
  exit 1
}

cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DINK_CUDA=ON -DINK_TESTS=ON >"$out/configure.log" 2>&1 ||
  { echo "✗ configure: see $out/configure.log"; exit 1; }
stage build 300 cmake --build build --parallel "$(scripts/jobs.sh)" --target tests_gpu bench_inkling train_mnist

# ---- correct ---------------------------------------------------------------------------------------------------------

stage tests 180 build/tests_gpu
# Two runs of twenty steps, with and without graphs: the same bits.
same_bits() {
  local run
  for run in first second no_graph; do
    local flags=()
    [ "$run" = no_graph ] && flags=(--no-graph)
    rm -rf "${out:?}/$run"
    build/train_mnist --device cuda --preset small --steps 20 --seed 5 --out "$out/$run" "${flags[@]}" || return 1
  done
  for run in second no_graph; do
    find "$out/first" -name 'diffusion_pytorch_model.safetensors' -printf '%P\n' | while read -r file; do
      cmp "$out/first/$file" "$out/$run/$file" || exit 1
    done || return 1
  done
}
export out
export -f same_bits
stage same_bits 60 bash -c same_bits

# compute-sanitizer slows a kernel ten- to a hundredfold: the kernels' own tests, then the op table where there is time.
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
if [ -n "$sanitizer" ]; then
  for tool in memcheck racecheck initcheck synccheck; do
    stage "$tool" 90 "$sanitizer" --tool "$tool" --error-exitcode 1 build/tests_gpu --source-file='*/test_cuda_*'
  done
else
  echo "– compute-sanitizer: not installed"
fi

# ---- fast ------------------------------------------------------------------------------------------------------------

stage steps 60 build/bench_inkling --device cuda
if "$python" -c 'import torch, diffusers, safetensors; assert torch.cuda.is_available()' 2>/dev/null; then
  compare=("$python" bench/compare_torch.py --device cuda)
  stage compare 240 "${compare[@]}"
  stage compile_base 240 "${compare[@]}" --compile --precision tf32 --preset base
  stage compile_imagenet64 400 "${compare[@]}" --compile --precision tf32 --preset imagenet64
else
  echo "– compare: $python has no torch with CUDA, diffusers and safetensors"
fi
for table in steps compare compile_base compile_imagenet64; do
  [ -e "$out/$table.log" ] && { echo; echo "# $table"; cat "$out/$table.log"; }
done

echo
if [ ${#failed[@]} -gt 0 ]; then
  printf 'check_gpu: failed: %s\n' "${failed[*]}"
  exit 1
fi
echo "check_gpu: all good in $SECONDS s"
