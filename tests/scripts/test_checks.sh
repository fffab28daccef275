#!/usr/bin/env bash
# Plants a fault for every gate of `make check` and sees it caught.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v python3 >/dev/null || exit 77
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root
count=0

# Starts a repository without files.
fresh() {
  rm -rf "$root"
  mkdir -p "$root"
}

# Writes stdin to the file $1 of the repository.
plant() {
  mkdir -p "$(dirname "$root/$1")"
  cat >"$root/$1"
}

# Runs the gate $1: it must end with status $2 and, if given, say $3.
expect() {
  local status=0 output
  output=$("scripts/$1" "$root" 2>&1) || status=$?
  count=$((count + 1))
  if [ $status -ne "$2" ] || { [ -n "${3:-}" ] && ! grep -qF -- "$3" <<<"$output"; }; then
    echo "FAILED: $1: expected status $2 and '${3:-}', got status $status and:"
    echo "$output"
    exit 1
  fi
}

# ---- layers: room, a line that it may not hold, the complaint
while IFS='|' read -r file line complaint; do
  fresh
  plant "$file" <<<"$line"
  expect check_layers.py 1 "$complaint"
done <<'ROWS'
tensor/kernels/a.h|#include <vector>|tensor/kernels may not include <vector>
tensor/kernels/a.h|#include "tensor/tensor.h"|tensor/kernels may not include tensor: tensor/tensor.h
tensor/kernels/a.h|void f(Device device);|tensor/kernels must not know Device
tensor/cpu/a.cpp|#include "tensor/shape.h"|tensor/cpu may not include tensor: tensor/shape.h
tensor/cpu/a.cpp|void f(const Tensor& x);|tensor/cpu must not know Tensor
tensor/a.h|#include "autograd/variable.h"|tensor may not include autograd
tensor/a.h|#include "tensor/cpu/simd.h"|tensor may not include tensor/cpu
cuda/a.cu|#include "tensor/cpu/simd.h"|cuda may not include tensor/cpu
io/a.cpp|#include "nn/module.h"|io may not include nn
autograd/a.cpp|#include "nn/module.h"|autograd may not include nn
autograd/a.cpp|if (x.device() == Device::cuda) return;|autograd must not know which device
autograd/a.cpp|struct Conv : Module {};|autograd must not know modules
nn/a.cpp|#include "tensor/kernels/gemm.h"|nn may not include tensor/kernels
nn/optim/a.cpp|cpu::adamw(p, g);|nn must not know kernels: cpu::
nn/a.cpp|if (x.device() == Device::cuda) return;|nn must not know if (device)
nn/a.cpp|#include "diffusion/unet.h"|nn may not include diffusion
diffusion/a.cpp|on<cpu::f, cuda::f>(x.device());|diffusion must not know kernels
diffusion/sampler.h|#include "nn/module.h"|may not include nn
diffusion/sampler.h|Tensor sample(UNet& model);|must not know a model class
diffusion/a.cpp|#include "apps/support/plan.h"|diffusion may not include apps
apps/a.cpp|#include "tests/support/table.h"|apps may not include tests
apps/a.cpp|#include "plan.h"|names no room
ROWS

# What the table allows, and words where they mean nothing: comments and strings.
fresh
plant tensor/kernels/a.h <<'CODE'
#include <cmath>

#include "tensor/kernels/real.h"
// A Tensor of a Device.
CODE
plant autograd/a.cpp <<'CODE'
#include "tensor/kernels/gemm.h"
#include "tensor/tensor.h"
const char* text = "Module \" Device::cuda";  /* Module
Device::cpu */
void f() { on<cpu::gemm, cuda::gemm>(x.device()); }
CODE
plant nn/a.cpp <<<$'#include "tensor/kernels/real.h"\nvoid f(Device device = Device::cpu);'
plant diffusion/sampler.h <<<'#include "tensor/tensor.h"'
plant tests/a.cpp <<<'#include "tensor/cpu/simd.h"'
expect check_layers.py 0

# The line is the fault's own.
plant nn/b.cpp <<<$'// one\n\n\n#include "apps/a.h"'
expect check_layers.py 1 'nn/b.cpp:4: nn may not include apps'

# ---- tags
fresh
plant nn/a.cpp <<<'x = y;  // (GN.4)'
expect check_tags.py 0 'no docs/derivations yet'
plant docs/derivations/group_norm.md <<<'$$x = y \tag{GN.4}$$'
expect check_tags.py 1 'no test is named after (GN.4)'
plant tests/test_a.cpp <<<'// (GN.4) in a comment is no name'
expect check_tags.py 1 'no test is named after (GN.4)'
plant tests/test_a.cpp <<<'TEST_CASE("(GN.4) the gradient") {}'
expect check_tags.py 0
plant docs/derivations/more.md <<<'See (GN.4) and **(GN.5)** [definition].'
expect check_tags.py 0
plant docs/derivations/more.md <<<'$$z = 1 \tag{GN.5}$$'
expect check_tags.py 1 'no comment of the code cites (GN.5)'
plant docs/derivations/more.md <<<'$$z = 1 \tag{GN.5}$$ [step]'
expect check_tags.py 1 'no test is named after (GN.5)'
plant docs/derivations/more.md <<<'$$x = z \tag{GN.4}$$'
expect check_tags.py 1 '(GN.4) is defined a second time'
plant docs/derivations/more.md <<<'By (GN.9) it follows.'
expect check_tags.py 1 '(GN.9) is defined in no chapter'
plant docs/derivations/more.md </dev/null
plant cuda/a.cu <<<'y = x;  // (ATT.2)'
expect check_tags.py 1 'cuda/a.cu:1: (ATT.2) is defined in no chapter'

# ---- mistakes
fresh
plant docs/derivations/a.md <<<$'$$x = y \\tag{GN.4}$$ [definition]\n\n**No root.** Test: *(GN.4) mistake:\nno root*.'
expect check_tags.py 1 'there is no test *(GN.4) mistake: no root*'
plant tests/test_a.cpp <<<$'TEST_CASE(\n    "(GN.4) mistake: no root") {}'
expect check_tags.py 0 '1 mistakes, each refuted'
plant tests/test_b.cpp <<<'TEST_CASE("(GN.4) mistake: no sign") {}'
expect check_tags.py 1 'no page of docs/ names the mistake *(GN.4) mistake: no sign*'

# ---- snippets
fresh
plant nn/a.cpp <<<$'int f() {\n  return 1;\n}\nint g();'
plant docs/a.md <<<$'```cpp nn/a.cpp\nint f() {\n...\nint g();\n```\n```cpp\nint anything;\n```'
expect check_snippets.py 0 '1 snippets'
plant docs/a.md <<<$'```cpp nn/a.cpp\nint f() {\n  return 2;'
expect check_snippets.py 1 'is never closed'
plant docs/a.md <<<$'```cpp nn/a.cpp\nint f() {\n  return 2;\n}\n```'
expect check_snippets.py 1 'docs/a.md:1: this is not in nn/a.cpp'
plant docs/a.md <<<$'```cpp nn/b.cpp\nint f();\n```'
expect check_snippets.py 1 'there is no file nn/b.cpp'

# ---- lengths
fresh
seq 450 | plant nn/a.cpp
expect check_lengths.py 0
seq 451 | plant nn/a.cpp
expect check_lengths.py 1 'nn/a.cpp: 451 lines'
plant scripts/long_files.txt <<<'nn/a.cpp One table of tests, a row each.'
expect check_lengths.py 0
seq 3 | plant nn/a.cpp
expect check_lengths.py 1 'nn/a.cpp is not long'

# ---- clang-format and clang-tidy, where they are installed
if command -v clang-format >/dev/null && clang-format --version | grep -q 'version 14'; then
  fresh
  cp .clang-format "$root"
  plant nn/a.cpp <<<'int  f( ) ;'
  expect check_format.sh 1 'nn/a.cpp:1'
  scripts/check_format.sh --fix "$root"
  expect check_format.sh 0
fi
if command -v clang-tidy >/dev/null; then
  fresh
  cp .clang-tidy "$root"
  plant nn/a.cpp <<<$'#include <string>\nint f(std::string s) { return *s.c_str() + *(int*)0; }\nstruct A { virtual ~A(); virtual void g(); };\nstruct B : A { virtual void g(); };'
  plant nn/b.cpp <<<'int h() { return 1; }'
  for file in nn/a.cpp nn/b.cpp; do
    echo "{\"directory\": \"$root\", \"file\": \"$file\", \"command\": \"c++ -std=c++20 -Wall -o x.o -c $file\"}"
  done | paste -sd, | sed 's/.*/[&]/' | plant compile_commands.json
  expect check_tidy.py 1 'modernize-use-override'
  expect check_tidy.py 1 'nn/a.cpp:2:19: error: the parameter '\''s'\'' is copied'
  plant nn/a.cpp <<<'int g() { return 1; }'
  expect check_tidy.py 0
  plant nn/a.cpp <<<'int h() { return 1; }' # a name of nn/b.cpp's: the two are read apart
  expect check_tidy.py 0
fi

echo "checks: $count expectations hold"
