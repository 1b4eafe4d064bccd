#!/usr/bin/env bash
# The C header and each extension's, every one alone, as every C and C++ that they promise.
# Reads SOURCE, CC and CXX from the environment.
set -euo pipefail

source=${SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
include=$source/plugin_api/include
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

compilers() { # <given> <candidates...>: those that are there, each once
  for compiler in "$@"; do
    command -v "$compiler" || true
  done | xargs -r -n 1 readlink -f | sort -u
}

# The first of some spellings of a standard that the compiler knows: c2x became c23.
spelling() { # <compiler> <c or c++> <spellings...>
  local compiler=$1 language=$2 standard
  shift 2
  for standard in "$@"; do
    if "$compiler" -x "$language" "-std=$standard" -fsyntax-only /dev/null 2>/dev/null; then
      echo "$standard"
      return
    fi
  done
}

failures=0
compiled=0
compile() { # <compiler> <standard> <c or c++> <header>
  printf '#include <%s>\n' "$4" >"$work/alone.$3"
  compiled=$((compiled + 1))
  if ! "$1" -x "$3" "-std=$2" -Wall -Wextra -pedantic -Werror -fsyntax-only -I "$include" "$work/alone.$3"; then
    echo "$4 does not compile alone: $1 -std=$2" >&2
    failures=$((failures + 1))
  fi
}

headers=$(cd "$include" && find . -name '*.h' | sed 's|^\./||' | sort)
test -n "$headers"
for header in $headers; do
  for compiler in $(compilers "${CC:-cc}" gcc clang clang-14); do
    for standard in c11 c17 $(spelling "$compiler" c c23 c2x); do
      compile "$compiler" "$standard" c "$header"
    done
  done
  for compiler in $(compilers "${CXX:-c++}" g++ clang++ clang++-14); do
    for standard in c++11 c++14 c++17 c++20 $(spelling "$compiler" c++ c++23 c++2b); do
      compile "$compiler" "$standard" c++ "$header"
    done
  done
done

echo "$compiled compilations, $failures failed"
test "$failures" -eq 0
