#!/usr/bin/env bash
# Installs what a target of the Makefile needs and the machine lacks.
#
#   scripts/install_deps.sh [--print] GROUP...      GROUP: build, test, check, coverage, docs, browser
#
# It looks for headers and programs, not for packages, so it needs no network when everything is there. With apt-get it
# installs (through sudo when not root); elsewhere, or with --print, it prints the commands and ends with status 1.
set -euo pipefail

# What is needed, and its package for apt, dnf, pacman and brew ("-": comes with the system).
# A name in <> is a header for the compiler, clang:NAME one for clang's tools, the rest are programs.
needs='
build    c++                    g++                 gcc-c++                gcc            -
build    cmake                  cmake               cmake                  cmake          cmake
build    make                   make                make                   make           -
build    <omp.h>                libomp-dev          libomp-devel           openmp         libomp
build    <fmt/format.h>         libfmt-dev          fmt-devel              fmt            fmt
build    <zlib.h>               zlib1g-dev          zlib-devel             zlib           zlib
build    <nlohmann/json.hpp>    nlohmann-json3-dev  json-devel             nlohmann-json  nlohmann-json
build    <CLI/CLI.hpp>          libcli11-dev        cli11-devel            cli11          cli11
build    <stb_image.h>          libstb-dev          stb_image-devel        stb            stb
build    <stb_image_write.h>    libstb-dev          stb_image_write-devel  stb            stb
test     <doctest/doctest.h>    doctest-dev         doctest-devel          doctest        doctest
check    clang-format           clang-format        clang-tools-extra      clang          clang-format
check    clang-tidy             clang-tidy          clang-tools-extra      clang          llvm
check    clang:omp.h            libomp-dev          libomp-devel           openmp         libomp
check    python3                python3             python3                python         python3
coverage gcovr                  gcovr               gcovr                  gcovr          gcovr
docs     python3                python3             python3                python         python3
docs     pandoc                 pandoc              pandoc                 pandoc-cli     pandoc
docs     katex                  katex               nodejs-npm             npm            katex
docs     node                   nodejs              nodejs                 nodejs         node
browser  chromium               chromium            chromium               chromium       chromium
'

print_only=no
groups=()
for argument in "$@"; do
  case $argument in
    --print) print_only=yes ;;
    build | test | check | coverage | docs | browser) groups+=("$argument") ;;
    *) groups=() && break ;;
  esac
done
if [ ${#groups[@]} -eq 0 ]; then
  echo "usage: $0 [--print] build|test|check|coverage|docs|browser ..." >&2
  exit 2
fi

have() { command -v "$1" >/dev/null 2>&1; }

compiler=
for candidate in ${CXX:-} c++ g++ clang++; do
  if [ "$candidate" != ccache ] && have "$candidate"; then compiler=$candidate && break; fi
done

have_header() {
  [ -n "$compiler" ] || return 1
  local brew_include=()
  if have brew; then brew_include=(-I"$(brew --prefix)/include" -I"$(brew --prefix)/opt/libomp/include"); fi
  printf '#if !__has_include(<%s>) && !__has_include(<stb/%s>)\n#error\n#endif\n' "$1" "$1" |
    "$compiler" -std=c++17 -E -x c++ ${brew_include[@]+"${brew_include[@]}"} - >/dev/null 2>&1
}

have_clang_header() {
  local file
  for file in /usr/lib*/llvm*/lib/clang/*/include/"$1" /usr/lib*/clang/*/include/"$1" /usr/include/"$1" \
    /usr/local/include/"$1" /opt/homebrew/opt/*/include/"$1"; do
    if [ -e "$file" ]; then return 0; fi
  done
  return 1
}

is_there() {
  case $1 in
    c++) [ -n "$compiler" ] ;;
    # GCC brings its own omp.h; without a compiler g++ is what we install.
    '<omp.h>') [ -z "$compiler" ] || have_header omp.h ;;
    '<'*) have_header "$(tr -d '<>' <<<"$1")" ;;
    chromium) have chromium || have chromium-browser || have google-chrome ;;
    clang:*) have_clang_header "${1#clang:}" ;;
    *) have "$1" ;;
  esac
}

apt=() dnf=() pacman=() brew=()
while read -r group thing apt_name dnf_name pacman_name brew_name; do
  case " ${groups[*]} " in *" $group "*) ;; *) continue ;; esac
  is_there "$thing" && continue
  # Name a package once, however many things come with it.
  case " ${apt[*]-} " in *" $apt_name "*) ;; *) apt+=("$apt_name") ;; esac
  case " ${dnf[*]-} " in *" $dnf_name "*) ;; *) dnf+=("$dnf_name") ;; esac
  case " ${pacman[*]-} " in *" $pacman_name "*) ;; *) pacman+=("$pacman_name") ;; esac
  case " - ${brew[*]-} " in *" $brew_name "*) ;; *) brew+=("$brew_name") ;; esac
done < <(grep -v '^$' <<<"$needs")
[ ${#apt[@]} -gt 0 ] || exit 0

print_commands() {
  local formulae=() stb=no name
  for name in ${brew[@]+"${brew[@]}"}; do
    if [ "$name" = stb ]; then stb=yes; else formulae+=("$name"); fi
  done
  echo "Debian, Ubuntu:  sudo apt-get update && sudo apt-get install -y ${apt[*]}"
  echo "Fedora:          sudo dnf install -y ${dnf[*]}"
  case " ${dnf[*]} " in *" nodejs-npm "*) echo "Fedora, KaTeX:   sudo npm install -g katex" ;; esac
  echo "Arch:            sudo pacman -S --needed ${pacman[*]}"
  case " ${pacman[*]} " in *" npm "*) echo "Arch, KaTeX:     sudo npm install -g katex" ;; esac
  if [ ${#formulae[@]} -gt 0 ]; then echo "macOS:           brew install ${formulae[*]}"; fi
  if [ $stb = yes ]; then
    echo "macOS, stb:      git clone https://github.com/nothings/stb \"\$(brew --prefix)/include/stb\""
  fi
}

stop() {
  echo "$1" >&2
  print_commands >&2
  exit 1
}

if [ $print_only = yes ]; then stop "Missing here. To install:"; fi
have apt-get || stop "Missing here, and no apt-get to install it with. Run the line for your system:"

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  have sudo || stop "Missing here, and neither root nor sudo to install it with. Run the line for your system:"
  as_root=(sudo)
fi

echo "Installing with apt-get: ${apt[*]}"
as_root+=(env DEBIAN_FRONTEND=noninteractive)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for command in update "install -y --no-install-recommends ${apt[*]}"; do
  # An outdated list may still do: only a failed installation stops.
  # shellcheck disable=SC2086
  if ! "${as_root[@]}" apt-get $command >"$log" 2>&1 && [ "$command" != update ]; then
    tail -n 20 "$log" >&2
    stop "apt-get could not install it (is there a network?). Run the line for your system:"
  fi
done
