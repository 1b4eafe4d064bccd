#!/usr/bin/env bash
# Installs what is missing, and nothing when nothing is: Debian packages, LibTorch, Python environments.
#
#   scripts/setup.sh          what the build needs
#   scripts/setup.sh quick    what `scripts/test quick` needs: no LibTorch, no Python environment but that of scripts/format
#   scripts/setup.sh tests    what `scripts/test` needs
#   scripts/setup.sh all      what `scripts/test --all` needs: clang and the trackers' own clients, too
#
# The other scripts source it. pip's own settings (PIP_INDEX_URL ...) say where Python packages and LibTorch are
# taken from; Torch_DIR and CMAKE_PREFIX_PATH name a LibTorch that is there already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/environment.sh

torch_version=2.13.0
missing=()

have() { command -v "$1" >/dev/null 2>&1; }
have_clang() { have clang && have clang++; }
have_fuzzer() {
  have_clang && echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' |
    clang++ -x c++ -fsanitize=fuzzer,address - -o /dev/null 2>/dev/null
}
have_cmake() {
  have cmake && printf '3.22\n%s\n' "$(cmake --version | sed -n '1s/[^0-9]*//p')" | sort -C -V
}
have_browser() { have chromium-headless-shell || have chromium || have google-chrome; }
have_mingw() { have x86_64-w64-mingw32-g++-posix && [ -e /usr/x86_64-w64-mingw32/lib/libz.a ]; }
have_wine() { have_mingw && have wine && have wineserver; }
have_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null; }

# want <package> [command]: the package is missing when the command fails, or where there is no command,
# when dpkg does not know it as installed.
want() {
  if [ $# -gt 1 ]; then
    "${@:2}" || missing+=("$1")
  elif have dpkg-query; then
    dpkg-query -W -f '${Status}\n' "$1" 2>/dev/null | grep -q ' installed$' || missing+=("$1")
  else
    missing+=("$1")
  fi
}

setup_packages() { # [size]
  want g++ have g++
  want cmake have_cmake
  want ninja-build have ninja
  want git have git
  want pkg-config have pkg-config
  want python3 have python3
  want python3-venv have_venv
  want libboost1.81-dev
  want libboost-json1.81-dev
  want libspdlog-dev
  want libgtest-dev
  want libgmock-dev
  want libcli11-dev
  want zlib1g-dev
  want libcurl4-openssl-dev
  want libssl-dev
  [ "${1:-}" = quick ] || want libxxhash-dev
  if [ "${1:-}" = tests ] || [ "${1:-}" = all ]; then
    want gdb have gdb
    want chromium-headless-shell have_browser
    want openssl have openssl
    want rustc have rustc
  fi
  if [ "${1:-}" = all ]; then
    want clang have_clang
    want libclang-rt-14-dev have_fuzzer
    if [ "$(uname -m)" = x86_64 ]; then # programs for Windows, and what runs them
      want g++-mingw-w64-x86-64-posix have_mingw
      want libz-mingw-w64-dev have_mingw
      want wine64
      want wine have wine
      want clang-16 have clang-16 # for Microsoft's ABI, which the default one of Debian may be too old for
      want lld-16 have lld-link-16
    fi
  fi
  [ ${#missing[@]} -gt 0 ] || return 0

  if ! have apt-get; then
    echo "This system has no apt-get: install the equivalents of these Debian packages, if they are missing:" >&2
    echo "  ${missing[*]}" >&2
    return 0
  fi
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! have sudo; then
      echo "These packages are missing, and there is no sudo: as root, run" >&2
      echo "  apt-get update && apt-get install ${missing[*]}" >&2
      exit 1
    fi
    root=(sudo)
  fi
  step "Looking for new Debian packages" "${root[@]}" apt-get update
  step "Installing ${missing[*]}" "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"
}

find_libtorch() { cmake -DLIBTRAINER_TORCH_VENV=build/venv -P host/cmake/LibTorch.cmake 2>&1; }

setup_libtorch() {
  # An installation that was interrupted looks whole and is not.
  if [ -d build/venv ] && [ ! -e build/venv/complete ]; then rm -rf build/venv; fi
  # What the user named and does not fit is the configuration's to complain about.
  if [ -n "${Torch_DIR:-}" ] || find_libtorch >/dev/null; then
    return 0
  fi
  setup_uv
  step "Installing LibTorch $torch_version into build/venv" make_environment build/venv "torch==$torch_version" numpy
  touch build/venv/complete
}

# The Python that reads what the plugins write, and runs the real transformers on the build's torch, where
# that is in build/venv.
setup_test_python() {
  local requirements=(tests/requirements.txt)
  [ ! -d build/venv ] || requirements+=(tests/parity/requirements.txt)
  environment build/test-venv --torch "${requirements[@]}"
}

# An environment for each file of tests/trackers/venvs: the trackers' own clients, which read what our plugins
# write. What one cannot be installed beside has another.
setup_trackers() {
  local file
  for file in tests/trackers/venvs/*.txt; do
    environment "build/venvs/$(basename "$file" .txt)" "$file"
  done
}

# How many compilers at a time: one a processor, and 2 GiB of memory for each.
jobs() {
  local processors memory
  processors=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
  memory=$(awk '/^MemTotal/ { print int($2 / 2097152) }' /proc/meminfo 2>/dev/null || true)
  if [ -n "$memory" ] && [ "$memory" -lt "$processors" ]; then
    processors=$((memory > 0 ? memory : 1))
  fi
  echo "$processors"
}

setup() { # [quick|tests|all]
  mkdir -p build
  setup_packages "$@"
  [ "${1:-}" = quick ] || setup_libtorch
  case "${1:-}" in tests | all) setup_test_python ;; esac
  [ "${1:-}" != all ] || setup_trackers
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  case "${1:-}" in
    "" | quick | tests | all) setup "$@" ;;
    *)
      echo "usage: scripts/setup.sh [quick | tests | all]" >&2
      exit 2
      ;;
  esac
fi
