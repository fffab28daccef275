#!/usr/bin/env bash
# Runs scripts/install_deps.sh on machines that exist only as a PATH: a compiler that finds no fmt, an apt-get that
# writes down what it was asked for, a user who is root or is not.
set -euo pipefail
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
  echo "FAILED: $1"
  echo "--- output"
  cat "$scratch/output"
  exit 1
}

# Makes the program $2 of machine $1 with the body on stdin.
program() {
  { echo '#!/bin/bash' && cat; } >"$scratch/$1/$2"
  chmod +x "$scratch/$1/$2"
}

# Makes machine $1, whose user id is $2 and whose compiler lacks the headers that match $3.
machine() {
  mkdir "$scratch/$1"
  for tool in bash grep tr cat tail mktemp rm env; do ln -s "$(command -v $tool)" "$scratch/$1/$tool"; done
  for tool in cmake make; do program "$1" $tool <<<'exit 0'; done
  program "$1" id <<<"echo $2"
  program "$1" c++ <<<"! grep -qE '<($3)>'"
  : >"$scratch/calls"
}

# Runs the script on machine $1 with the other arguments; sets `status`, leaves its words in output.
run_on() {
  local name=$1
  shift
  status=0
  PATH=$scratch/$name CXX='' bash scripts/install_deps.sh "$@" >"$scratch/output" 2>&1 || status=$?
}


recorder="echo \"apt-get \$*\" >>$scratch/calls"

# Everything there: silent, and nothing is called.
machine complete 0 none
program complete apt-get <<<"$recorder"
run_on complete build test
[ $status -eq 0 ] && [ ! -s "$scratch/output" ] && [ ! -s "$scratch/calls" ] || fail "a complete machine is left alone"

# Root with apt-get: the list is fetched, then exactly what is missing is installed, and it says so.
machine root 0 'fmt/format.h|stb_image.h|stb_image_write.h|doctest/doctest.h'
program root apt-get <<<"$recorder"
run_on root build
[ $status -eq 0 ] || fail "root installs"
[ "$(cat "$scratch/calls")" = "apt-get update
apt-get install -y --no-install-recommends libfmt-dev libstb-dev" ] || fail "root asks for what is missing, once"
grep -q 'Installing with apt-get: libfmt-dev libstb-dev' "$scratch/output" || fail "root is told"
: >"$scratch/calls"
run_on root build test
grep -q 'libfmt-dev libstb-dev doctest-dev' "$scratch/calls" || fail "a group adds its packages"

# Not root: through sudo.
machine user 1000 zlib.h
program user apt-get <<<"$recorder"
program user sudo <<<"echo sudo >>$scratch/calls; exec \"\$@\""
run_on user build
[ $status -eq 0 ] || fail "a user installs through sudo"
[ "$(head -n 2 "$scratch/calls" | tr '\n' ' ')" = "sudo apt-get update " ] || fail "sudo comes first"

expect_commands() {
  [ $status -eq 1 ] || fail "$1: status 1"
  for line in 'sudo apt-get update && sudo apt-get install -y zlib1g-dev' 'sudo dnf install -y zlib-devel' \
    'sudo pacman -S --needed zlib' 'brew install zlib'; do
    grep -qF "$line" "$scratch/output" || fail "$1: prints '$line'"
  done
}

# Not root and no sudo, no apt-get, an apt-get without a network: the commands, and a stop.
rm "$scratch/user/sudo"
run_on user build
expect_commands "no sudo"
machine other 0 zlib.h
run_on other build
expect_commands "no apt-get"
machine offline 0 zlib.h
program offline apt-get <<<'echo "Could not resolve" >&2; exit 100'
run_on offline build
expect_commands "offline"
grep -q 'Could not resolve' "$scratch/output" || fail "offline: the reason is shown"

# --print only prints.
: >"$scratch/calls"
run_on root --print build
[ $status -eq 1 ] && [ ! -s "$scratch/calls" ] || fail "--print installs nothing"

# No compiler at all: it is installed first, with all headers.
machine bare 0 none
rm "$scratch/bare/c++"
program bare apt-get <<<"$recorder"
run_on bare build
grep -q 'install -y --no-install-recommends g++ libfmt-dev zlib1g-dev nlohmann-json3-dev libcli11-dev libstb-dev$' \
  "$scratch/calls" || fail "a bare machine gets a compiler"

# The site: its tools are programs. On Fedora and Arch KaTeX comes from npm.
machine writer 0 none
for tool in python3 node; do program writer $tool <<<'exit 0'; done
run_on writer --print docs browser
[ $status -eq 1 ] || fail "docs: status 1"
for line in 'install -y pandoc katex chromium' 'dnf install -y pandoc nodejs-npm chromium' 'Fedora, KaTeX:   sudo npm install -g katex' \
  'pacman -S --needed pandoc-cli npm chromium' 'Arch, KaTeX:     sudo npm install -g katex' 'brew install pandoc katex chromium'; do
  grep -qF "$line" "$scratch/output" || fail "docs: prints '$line'"
done
for tool in pandoc katex google-chrome; do program writer $tool <<<'exit 0'; done
run_on writer docs browser
[ $status -eq 0 ] && [ ! -s "$scratch/output" ] || fail "docs: any Chromium will do"

run_on root --nonsense
[ $status -eq 2 ] || fail "bad usage has status 2"
echo "install_deps: all good"
